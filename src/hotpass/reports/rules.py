"""What each rule of a report means, for tools that show a rule by itself (SARIF). A rule that is not here, as
of a plugin, is shown by its name.
"""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """A kind of finding: one line, and what to do about it."""

    short: str
    help: str


RULES = {
    "invalid-policy": Rule(
        "A policy file is wrong.",
        "Nothing is promoted under a policy that cannot be read. The message says what stands there and what "
        "may; the whole format is in the reference: hotpass policy reference.",
    ),
    "invalid-yaml": Rule(
        "A policy file is not YAML, or YAML of a kind that is not read.",
        "Most often an indentation, a quote, a bracket or a key that stands twice.",
    ),
    "unknown-key": Rule(
        "A policy file has a key that no policy has.",
        "It would be passed over silently, and with it what somebody meant to ask for. hotpass policy "
        "reference has all keys.",
    ),
    "missing-key": Rule("A policy file lacks a key that it needs.", "Add it; the message says where."),
    "wrong-type": Rule(
        "A value of a policy file is of another kind than is due.",
        "Such as a single value where a list is due, or a number where a text is due.",
    ),
    "unknown-gate": Rule(
        "A policy names a gate that no plugin contributes.",
        "Mend its name, or install the plugin: hotpass plugins list shows those in use.",
    ),
    "unknown-stage": Rule("A policy names a stage that looks misspelt.", "The message names the stages."),
    "wrong-parameters": Rule(
        "A gate cannot be asked with these parameters.",
        "hotpass policy reference says for each gate what it takes.",
    ),
    "no-policies": Rule(
        "There is no policy to read.",
        "Name a file or folder, or write a starter: hotpass init.",
    ),
    "doubtful-policy": Rule(
        "A policy says something that is allowed and rarely meant.",
        "Nothing is refused because of it. Change it, or leave it knowingly.",
    ),
    "waiver-out-of-time": Rule(
        "A waiver has expired, or is not granted yet.",
        "It has no effect. Delete the file, or have it granted again.",
    ),
    "waiver-for-nothing": Rule(
        "A waiver is for a gate that no policy has there.",
        "It has no effect. The message names the policies and gates that there are.",
    ),
    "cannot-fail": Rule(
        "A rule that every model version passes.",
        "It looks like a check and is none. Ask for more, or take it out.",
    ),
    "never-passes": Rule(
        "A rule that no model version can pass.",
        "No version gets through this promotion while it stands there.",
    ),
    "contradicts": Rule(
        "Two rules that no model version can pass both.",
        "All gates of a promotion must pass, and all policies that cover the model. Change one of the two.",
    ),
    "shadowed": Rule(
        "A rule that asks for nothing that another one does not.",
        "It can be taken out without a difference; most often a bound was meant to be tighter.",
    ),
    "unreachable": Rule(
        "A promotion from a stage that no version gets to.",
        "The policy has no promotion to that stage, so it denies going there.",
    ),
    "production-without-staging": Rule(
        "A promotion to Production that does not start in Staging.",
        "The version has not proved itself before it serves.",
    ),
    "metric-not-logged": Rule(
        "A policy asks for a metric that no recent version logged.",
        "A version without the metric fails. Log it under the name that the policy uses, or mend the name.",
    ),
    "invalid-cases": Rule(
        "A cases file is wrong.",
        "Its cases were not run. The message says what stands there and what may; the format is in the "
        "reference: hotpass policy reference.",
    ),
    "case-differs": Rule(
        "A case beside a policy did not come out as expected.",
        "Either the policy says something else than it should, or the case expects what it no longer says.",
    ),
    "no-cases": Rule(
        "No case is about a promotion of the policy.",
        "Add one to the cases file beside the policy, or do not require it.",
    ),
    "unseen-gate": Rule(
        "A gate was not seen both to pass and not to.",
        "Add a case that shows it to the cases file beside the policy, or do not require it.",
    ),
    "broken-plugin": Rule(
        "A plugin failed to load or breaks the contract of a gate.",
        "Nothing is judged without all plugins. The message names the plugin: hotpass plugins list.",
    ),
    "wrong-call": Rule(
        "The command was called wrongly.", "Nothing was judged. The message says what is meant."
    ),
    "registry-failed": Rule(
        "The registry or the ledger could not be reached, or did not do as told.",
        "Nothing was judged. See that the registry answers, and run the command again.",
    ),
    "bug": Rule(
        "Hotpass or a plugin broke.",
        "Nothing can be said. Run the command again with HOTPASS_DEBUG=1 for the traceback.",
    ),
    "gate-failed": Rule(
        "A gate of a policy says no.",
        "The model version does not meet the requirement that stands at this line of the policy.",
    ),
    "gate-pending": Rule(
        "A gate of a policy says not yet.",
        "It can pass by waiting or by an approval; the message says which.",
    ),
    "gate-inconclusive": Rule(
        "The evidence does not settle a gate either way.",
        "More evidence is needed; the message says of what.",
    ),
    "gate-broke": Rule(
        "A gate broke, and so cannot pass.",
        "The gate raised an error or ran past its time limit. The promotion is denied until it is repaired.",
    ),
    "drift-ledger": Rule(
        "The ledger is not what Hotpass wrote.",
        "A record was edited, removed or inserted: hotpass audit verify names it.",
    ),
    "drift-model": Rule("A model on record is gone or hidden.", "It was deleted or renamed past Hotpass."),
    "drift-version": Rule(
        "A version on record is gone, hidden, or was made again.", "It was deleted past Hotpass."
    ),
    "drift-stage": Rule(
        "A version is in another stage than the record says.",
        "It was moved past Hotpass. Move it back, or accept what is there: hotpass adopt.",
    ),
    "drift-holders": Rule(
        "Several versions are in a stage that has room for one.", "Whoever reads the stage gets either."
    ),
    "drift-alias": Rule(
        "An alias points elsewhere than the record says.",
        "Whoever loads by it gets a version that no decision put there.",
    ),
    "drift-tag": Rule("A tag that only Hotpass writes is not what it wrote.", "Somebody wrote it by hand."),
    "drift-evidence": Rule(
        "A value that a decision rests on is another one now.",
        "A metric, a tag or a parameter was changed after the version was promoted.",
    ),
    "drift-files": Rule(
        "The files of a version are not those that were decided on.",
        "Put them back, or go back to another version: hotpass rollback.",
    ),
    "scan-note": Rule("A remark of a scan.", "Nothing is wrong."),
    "decision-note": Rule(
        "The decision rests on something that no gate says.",
        "A missing policy, a stage that no promotion leads from, a veto of a plugin.",
    ),
}  # fmt: skip


def rule_of(rule: str) -> Rule:
    """What `rule` means."""
    words = rule.replace("-", " ").replace("_", " ").strip()
    return RULES.get(rule) or Rule(f"{words[:1].upper()}{words[1:]}.", "The message says what to do.")
