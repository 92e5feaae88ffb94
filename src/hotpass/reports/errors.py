"""An error that ends a command, as the report that the command owes."""

from __future__ import annotations

from hotpass.errors import HotpassError, PluginError, PolicyError, RegistryError, mask
from hotpass.reports.model import Check, Finding, Level, Report


def report_of(command: str, error: BaseException, exit_code: int) -> Report:
    """The problems of a PolicyError file by file; of any other error, its text."""
    if isinstance(error, PolicyError):
        by_file: dict[str, list[Finding]] = {}
        for problem in error.problems:
            by_file.setdefault(problem.path, []).append(Finding.of(problem, "invalid-policy"))
        checks = tuple(Check(path, path, tuple(found)) for path, found in by_file.items())
        count = len(error.problems)
        return Report(command, f"{count} problem{'s' if count != 1 else ''}", checks, exit_code, broke=True)
    rule, text = _rule(error), mask(str(error)) or type(error).__name__
    if not isinstance(error, HotpassError):
        text = f"{type(error).__name__}: {text}"
    finding = Finding(rule, Level.ERROR, text, broke=True)
    return Report(
        command, "nothing was judged", (Check("hotpass", command, (finding,)),), exit_code, broke=True
    )


def _rule(error: BaseException) -> str:
    if isinstance(error, PluginError):
        return "broken-plugin"
    if isinstance(error, RegistryError):
        return "registry-failed"
    return "wrong-call" if isinstance(error, HotpassError) else "bug"
