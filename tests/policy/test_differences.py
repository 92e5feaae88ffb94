"""What changed between two sets of policies, and whether it is stricter, where that is certain."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotpass.policy.diff_markdown import differences_markdown, title
from hotpass.policy.differences import Difference, differences
from hotpass.policy.loader import load_policies
from hotpass.policy.model import PolicySet

HEAD = "policy: leads\nmodels: [{models}]\npromotions:\n"
WAIVER = """\
waiver: fair
policy: leads
gate: {gate}
model: lead_scoring
versions: [{versions}]
to: Production
reason: the fair
granted_by: cleo
granted: 2026-01-01
expires: {expires}
"""


def policies(folder: Path, name: str, gates: str, *, rest: str = "", models: str = '"lead_*"') -> PolicySet:
    place = folder / name
    place.mkdir()
    text = HEAD.format(models=models) + f"  - to: Production\n    gates:\n{gates}{rest}"
    (place / "leads.yaml").write_text(text)
    return load_policies(place)


def gate(text: str) -> str:
    return "".join(f"      {line}\n" for line in text.splitlines())


AUC = gate("- metric_threshold: {roc_auc: {at_least: 0.75}}")


def told(found: list[Difference]) -> list[tuple[str, str, str, str]]:
    return [(one.part, one.name, str(one.kind), str(one.effect)) for one in found]


THRESHOLD = ("any stage -> Production", "metric_threshold", "changed")


@pytest.mark.parametrize(
    ("before", "after", "effect", "settings"),
    [
        ("- metric_threshold: {roc_auc: {at_least: 0.75}}", "- metric_threshold: {roc_auc: {at_least: 0.8}}",
         "stricter", ["roc_auc.at_least: 0.75 -> 0.8"]),
        ("- metric_threshold: {roc_auc: {at_least: 0.75}}", "- metric_threshold: {roc_auc: {at_least: 0.7}}",
         "looser", ["roc_auc.at_least: 0.75 -> 0.7"]),
        # One bound up, one down: nobody can say.
        ("- metric_threshold: {roc_auc: {at_least: 0.75}, f1: {at_least: 0.5}}",
         "- metric_threshold: {roc_auc: {at_least: 0.8}, f1: {at_least: 0.4}}", "",
         ["roc_auc.at_least: 0.75 -> 0.8", "f1.at_least: 0.5 -> 0.4"]),
        ("- metric_threshold: {roc_auc: {at_least: 0.75}, f1: {at_least: 0.5}}",
         "- metric_threshold: {roc_auc: {at_least: 0.75}}", "looser", ["f1.at_least: 0.5 -> (none)"]),
        # Other metrics are something else altogether.
        ("- metric_threshold: {roc_auc: {at_least: 0.75}}", "- metric_threshold: {f1: {at_least: 0.75}}",
         "", ["roc_auc.at_least: 0.75 -> (none)", "f1.at_least: (none) -> 0.75"]),
        ("- staging_dwell: 24h", "- staging_dwell: 6h", "looser", ["staging_dwell: 24h -> 6h"]),
        # What no demand tells of.
        ("- champion_comparison: {roc_auc: {may_lose_at_most: 0.1}}",
         "- champion_comparison: {first_champion: allow, roc_auc: {may_lose_at_most: 0.1}}", "",
         ["first_champion: (none) -> allow"]),
        ("- champion_comparison: {roc_auc: {may_lose_at_most: 0.1}}",
         "- champion_comparison: {first_champion: allow, roc_auc: {may_lose_at_most: 0.05}}", "",
         ["roc_auc.may_lose_at_most: 0.1 -> 0.05", "first_champion: (none) -> allow"]),
        ("- metric_threshold: {roc_auc: {at_least: 0.75}}",
         "- metric_threshold: {roc_auc: {at_least: 0.75}}\n  enforcement: advisory", "looser",
         ["enforcement: mandatory -> advisory"]),
        # Stricter in one way and looser in another.
        ("- metric_threshold: {roc_auc: {at_least: 0.75}}",
         "- metric_threshold: {roc_auc: {at_least: 0.8}}\n  enforcement: advisory", "",
         ["roc_auc.at_least: 0.75 -> 0.8", "enforcement: mandatory -> advisory"]),
        ("- metric_threshold: {roc_auc: {at_least: 0.75}}\n  enforcement: overridable\n  by: [ana]",
         "- metric_threshold: {roc_auc: {at_least: 0.75}}\n  enforcement: overridable\n  by: [ana, ben]",
         "looser", ["by: [ana] -> [ana, ben]"]),
        ("- metric_threshold: {roc_auc: {at_least: 0.75}}",
         "- metric_threshold: {roc_auc: {at_least: 0.75}}\n  hint: Ask", "same", ["hint: (none) -> Ask"]),
        # A parameter that is called as a key of the entry is.
        ("- approvals: {at_least: 1, by: [ana, ben]}",
         "- approvals: {at_least: 2, by: [ana, ben]}", "stricter",
         ["at_least: 1 -> 2"]),
    ],
)  # fmt: skip
def test_a_changed_gate(tmp_path: Path, before: str, after: str, effect: str, settings: list[str]) -> None:
    [found] = differences(policies(tmp_path, "a", gate(before)), policies(tmp_path, "b", gate(after)))
    assert (str(found.kind), str(found.effect)) == ("changed", effect)
    said = [f"{one.name}: {one.before or '(none)'} -> {one.after or '(none)'}" for one in found.settings]
    assert sorted(said) == sorted(settings)
    assert found.where.startswith("b/") or "/b/leads.yaml:" in found.where


def test_nothing_changes_by_a_comment(tmp_path: Path) -> None:
    found = differences(policies(tmp_path, "a", AUC), policies(tmp_path, "b", "      # higher soon\n" + AUC))
    assert found == []
    assert "nothing" in title(found)


def test_gates_promotions_and_policies_come_and_go(tmp_path: Path) -> None:
    dwell = gate("- staging_dwell: 24h\n- signature: {}\n  enforcement: advisory")
    staging = "  - to: Staging\n    gates:\n" + AUC
    first, second = policies(tmp_path, "a", AUC), policies(tmp_path, "b", AUC + dwell, rest=staging)
    assert told(differences(first, second)) == [
        ("any stage -> Production", "staging_dwell", "added", "stricter"),
        ("any stage -> Production", "signature", "added", "same"),
        ("any stage -> Staging", "promotion", "added", "looser"),
    ]
    assert told(differences(second, first)) == [
        ("any stage -> Production", "staging_dwell", "removed", "looser"),
        ("any stage -> Production", "signature", "removed", "same"),
        ("any stage -> Staging", "promotion", "removed", "stricter"),
    ]
    assert told(differences(PolicySet(), first)) == [("", "policy", "added", "stricter")]
    [gone] = differences(first, PolicySet())
    assert (gone.name, str(gone.effect)) == ("policy", "looser")
    assert gone.before == ("It covers lead_*.", "any stage -> Production: ROC AUC is at least 0.75.")


def test_a_second_way_to_the_same_stage_is_not_called_looser(tmp_path: Path) -> None:
    """The gates of all entries that match count, so one more can keep out what the other lets through."""
    more = "  - to: Production\n    from: Staging\n    gates:\n" + AUC
    found = differences(policies(tmp_path, "a", AUC), policies(tmp_path, "b", AUC, rest=more))
    assert told(found) == [("Staging -> Production", "promotion", "added", "")]


def test_keys_of_the_policy(tmp_path: Path) -> None:
    first = policies(tmp_path, "a", AUC, rest="description: old\n")
    second = policies(
        tmp_path, "b", AUC + "    archive_existing: false\n", rest="description: new\n",
        models='"lead_*", "mail_*"',
    )  # fmt: skip
    assert told(differences(first, second)) == [
        ("", "models", "changed", "stricter"),
        ("", "description", "changed", "same"),
        ("any stage -> Production", "archive_existing", "changed", ""),
    ]
    assert told(differences(second, first))[0] == ("", "models", "changed", "looser")


def test_waivers(tmp_path: Path) -> None:
    def with_waiver(name: str, **how: str) -> PolicySet:
        policies(tmp_path, name, AUC)
        folder = tmp_path / name / "waivers"
        folder.mkdir()
        if how:
            (folder / "fair.yaml").write_text(WAIVER.format(gate="metric_threshold", **how))
        else:
            folder.rmdir()
        return load_policies(tmp_path / name)

    none = with_waiver("none")
    short = with_waiver("short", versions="3", expires="2026-02-01")
    long = with_waiver("long", versions="3", expires="2026-03-01")
    other = with_waiver("other", versions="4", expires="2026-02-01")
    assert told(differences(none, short)) == [("waivers", "fair", "added", "looser")]
    assert told(differences(short, none)) == [("waivers", "fair", "removed", "stricter")]
    assert told(differences(short, long)) == [("waivers", "fair", "changed", "looser")]
    assert told(differences(short, other)) == [("waivers", "fair", "changed", "")]


def test_markdown_cannot_be_broken_out_of(tmp_path: Path) -> None:
    """A table's cell, HTML and mentions; a policy's texts are written by whoever opens the pull request."""
    evil = "a | b `c` <img src=x> [d](http://e) @ops"
    first = policies(tmp_path, "a", AUC)
    second = policies(
        tmp_path, "b",
        gate(f"- metric_threshold: {{roc_auc: {{at_least: 0.75}}}}\n  hint: '{evil}'\n"
             "- required_tags: {'x|y': present}"),
        rest=f"description: '{evil}'\n",
    )  # fmt: skip
    lines = differences_markdown(differences(first, second), "main", "disk")
    text = "\n".join(lines)
    rows = [line for line in lines if line.startswith("| ") and "---" not in line]
    assert len(rows) == 4  # the title, the description, the hint, the new gate
    for row in rows:
        assert row.replace("\\|", "").count("|") == 5
    outside = "".join(part for place, part in enumerate(text.replace("``", "`").split("`")) if place % 2 == 0)
    assert "<img" not in outside.replace("\\<img", "")
    assert "@ops" not in outside
