"""The forms that a report takes. Each is written by a module of its own, imported when it is asked for."""

from __future__ import annotations

from enum import StrEnum

from hotpass.reports.model import Report


class Form(StrEnum):
    """How a command tells what it found."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"
    SARIF = "sarif"
    GITHUB = "github"
    MARKDOWN = "markdown"


#: How the name of a file ends that a form is usually kept in.
SUFFIXES = {".json": Form.JSON, ".md": Form.MARKDOWN, ".sarif": Form.SARIF, ".xml": Form.JUNIT}


def render(report: Report, form: Form) -> str:
    """`report` as text that ends with a line break. Raises ValueError for text and JSON, which each command
    has its own of.
    """
    match form:
        case Form.JUNIT:
            from hotpass.reports.junit import as_junit as write
        case Form.SARIF:
            from hotpass.reports.sarif import as_sarif as write
        case Form.GITHUB:
            from hotpass.reports.github import as_annotations as write
        case Form.MARKDOWN:
            from hotpass.reports.markdown import as_markdown as write
        case _:
            raise ValueError(f"a report has no form {form!s} of its own")
    return write(report)
