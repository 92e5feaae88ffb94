"""Explained policies as text for a terminal, or as Markdown for a pull request."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence

from hotpass.policy.explaining import Explanation, Rule, Section

_WIDTH = 100
_ALL = "Where several policies are about a model, it must pass all of them."
_MUST = "All of this must be the case:"
_SHOWN = "This is looked at and shown, and stops nothing:"
_EXCEPTIONS = "Exceptions in force"


def as_text(explained: Sequence[Explanation]) -> str:
    """Plain text, at most 100 columns wide."""
    lines: list[str] = []
    for one in explained:
        title = f"Policy {one.policy}" + (f" ({one.path})" if one.path else "")
        lines += [title, "=" * min(len(title), _WIDTH)]
        lines += [*_wrapped(one.description), ""] if one.description else [""]
        lines += [*_wrapped(" ".join(one.about)), ""]
        for section in one.sections:
            lines += [section.heading, "-" * min(len(section.heading), _WIDTH)]
            lines += [*_section(section, _text_rule, _wrapped), ""]
        if one.exceptions:
            lines += [_EXCEPTIONS, "-" * len(_EXCEPTIONS)]
            lines += [*(line for text in one.exceptions for line in _wrapped(text, "  - ", "    ")), ""]
    lines += _wrapped(_ALL) if len(explained) > 1 else []
    return "\n".join(lines).rstrip("\n") + "\n"


def as_markdown(explained: Sequence[Explanation], escape: Callable[[str], str]) -> str:
    """Markdown; `escape` makes a text from elsewhere harmless."""
    lines: list[str] = []
    for one in explained:
        lines += [f"## Policy {escape(one.policy)}", ""]
        lines += [f"{escape(one.description)}", ""] if one.description else []
        lines += [" ".join(map(escape, one.about)), ""]
        for section in one.sections:
            lines += [f"### {escape(section.heading)}", ""]
            lines += [*_section(section, _markdown_rule(escape), lambda text: [escape(text)]), ""]
        if one.exceptions:
            lines += [f"### {_EXCEPTIONS}", "", *(f"- {escape(text)}" for text in one.exceptions), ""]
    lines += [_ALL] if len(explained) > 1 else []
    return "\n".join(lines).rstrip("\n") + "\n"


def _section(
    section: Section, rule: Callable[[Rule], Iterable[str]], paragraph: Callable[[str], Iterable[str]]
) -> Iterator[str]:
    """The lines of one section, each part after an empty line."""
    parts: list[list[str]] = []
    if section.before:
        parts.append(list(paragraph(" ".join(section.before))))
    for heading, rules in ((_MUST, section.rules), (_SHOWN, section.only_shown)):
        if rules:
            parts.append([heading, "", *(line for one in rules for line in rule(one))])
    if section.after:
        parts.append(list(paragraph(" ".join(section.after))))
    for number, part in enumerate(parts):
        if number:
            yield ""
        yield from part


def _text_rule(rule: Rule) -> Iterator[str]:
    for sentence in rule.says:
        yield from _wrapped(sentence, "  - ", "    ")
    if rule.notes:
        yield from _wrapped(" ".join(rule.notes), "      ", "      ")


def _markdown_rule(escape: Callable[[str], str]) -> Callable[[Rule], Iterator[str]]:
    def lines(rule: Rule) -> Iterator[str]:
        for sentence in rule.says:
            yield f"- {escape(sentence)}"
        if rule.notes:
            yield f"  <br>*{escape(' '.join(rule.notes))}*"

    return lines


def _wrapped(text: str, first: str = "", rest: str = "") -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False,
                         break_on_hyphens=False) or [""]  # fmt: skip
