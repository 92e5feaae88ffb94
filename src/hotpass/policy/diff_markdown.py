"""Differences between policies as Markdown, for a pull request. What comes from a policy is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from hotpass.policy.differences import Difference, Kind, Setting
from hotpass.policy.stricter import Effect
from hotpass.reports.markdown import code, escaped

_SIGNS = {
    Effect.STRICTER: "🔒 stricter", Effect.LOOSER: "🔓 looser", Effect.SAME: "no effect", Effect.UNSURE: "",
}  # fmt: skip


def differences_markdown(found: Sequence[Difference], before: str, after: str) -> list[str]:
    """Lines: a heading, then a table for each policy. `before` and `after` say what is compared."""
    lines = [f"### hotpass policy diff: {title(found)}", "", f"{escaped(before)} → {escaped(after)}", ""]
    for policy, some in groupby(found, key=lambda one: one.policy):
        lines += [f"#### Policy {code(policy)}", ""]
        lines += ["| where | what | change | effect |", "| --- | --- | --- | --- |"]
        for one in some:
            place = code(one.part) if one.part else ""
            change = "<br>".join([f"**{one.kind}**", *_change(one)])
            lines.append(f"| {place} | {code(one.name)} | {change} | {_SIGNS[one.effect]} |")
        lines.append("")
    return lines


def title(found: Sequence[Difference]) -> str:
    """`3 changes, 2 stricter, 1 looser`."""
    if not found:
        return "nothing that the policies ask for has changed"
    counts = [(sum(one.effect is effect for one in found), str(effect))
              for effect in (Effect.STRICTER, Effect.LOOSER)]  # fmt: skip
    changes = f"{len(found)} change{'' if len(found) == 1 else 's'}"
    return ", ".join([changes, *(f"{count} {words}" for count, words in counts if count)])


def _change(one: Difference) -> Iterator[str]:
    for setting in one.settings:
        yield f"{code(setting.name)}: {_value(setting.before)} → {_value(setting.after)}"
    if one.kind is Kind.CHANGED:
        gone = [sentence for sentence in one.before if sentence not in one.after]
        come = [sentence for sentence in one.after if sentence not in one.before]
        yield from (f"~~{escaped(sentence)}~~" for sentence in gone)
        yield from (escaped(sentence) for sentence in come)
    else:
        yield from (escaped(sentence) for sentence in one.before or one.after)


def _value(text: str) -> str:
    return code(text) if text else "not there"


def words_of(setting: Setting) -> str:
    """`roc_auc.at_least: 0.75 -> 0.8`."""
    return f"{setting.name}: {setting.before or 'not there'} -> {setting.after or 'not there'}"
