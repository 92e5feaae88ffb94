"""What may stand in a case: every key, what kind of value it takes, and what it is about.

The reader, the JSON Schema and the reference are all made from these tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Key(NamedTuple):
    """A key. `kind` names a kind of value; see `KINDS`."""

    kind: str
    about: str
    example: Any = None


#: The kinds of value in words, for the reference.
KINDS: Mapping[str, str] = {
    "approvals": "list of names or mappings",
    "candidate": "mapping",
    "champion": "mapping",
    "datasets": "list of mappings",
    "expect": "mapping",
    "flag": "true or false",
    "json": "mapping",
    "messages": "text or list of texts",
    "metrics": "mapping of numbers or mappings",
    "moment": "time",
    "outcome": "word",
    "person": "name or mapping",
    "signature": "mapping",
    "stage": "stage",
    "stays": "list of mappings",
    "text": "text",
    "texts": "list of texts",
    "values": "mapping of texts",
    "verdicts": "mapping of words",
    "version": "whole number",
}

FILE: Mapping[str, Key] = {
    "cases": Key("cases", "The cases."),
    "defaults": Key("case", "What every case of the file begins with; a case says what differs."),
}

CASE: Mapping[str, Key] = {
    "case": Key("text", "What it shows, in a line; no two in the file alike.", "a worse challenger"),
    "to": Key("stage", "The stage that the candidate wants to go to.", "Production"),
    "model": Key(
        "text", "The model's name. Default: one that the policy covers, made from its first pattern.",
        "lead_scoring_b2b",
    ),
    "now": Key("moment", "When it is judged. Default: `2026-01-15T12:00:00Z`.", "2026-01-15T12:00:00Z"),
    "candidate": Key("candidate", "The version; see below.", {"metrics": {"roc_auc": 0.81}}),
    "champion": Key(
        "champion", "The version that holds the stage, with the same keys. Left out: there is none.",
        {"metrics": {"roc_auc": 0.80}},
    ),
    "approvals": Key(
        "approvals", "The approvals that stand: names, or `{name, authenticated, at, reason}`.",
        ["ana", {"name": "ben", "authenticated": False}],
    ),
    "requester": Key(
        "person", "Who asks: a name, or `{name, authenticated}`. Left out: nobody knows.", "carl"
    ),
    "measured": Key(
        "verdicts", "What gates that measure say here, by their names: they run on a model's files, and a "
        "case has none.", {"evaluation": "inconclusive"},
    ),
    "overrides": Key("texts", "Names of gates that the requester overrides.", ["champion_comparison"]),
    "rollback": Key("flag", "Whether it is a rollback. Default: `false`.", True),
    "expect": Key("expect", "What the policy should say; see below.", {"outcome": "allowed"}),
}  # fmt: skip

#: Of a candidate and of a champion.
VERSION: Mapping[str, Key] = {
    "stage": Key(
        "stage", "Where it is now. Default: the `from` of the policy's promotion, or None; Archived for a "
        "rollback. A champion is in the stage that it holds.", "Staging",
    ),
    "in_stage_since": Key("moment", "When its present stay there began, by the ledger.", "25h ago"),
    "stays": Key(
        "stays", "All its stays in stages instead: `{stage, since, until}`.",
        [{"stage": "Staging", "since": "9d ago"}],
    ),
    "metrics": Key(
        "metrics", "Logged metrics: numbers, `nan`, `inf` or `-inf`; or `{value, dataset, dataset_digest}` "
        "for one that was measured on a data set.", {"roc_auc": 0.81},
    ),
    "params": Key("values", "The run's params.", {"validation_rows": "250"}),
    "tags": Key("values", "Tags of the version.", {"owner": "ana"}),
    "run_tags": Key("values", "Tags of the run.", {"mlflow.source.git.commit": "0123abcd"}),
    "model_tags": Key("values", "Tags of the registered model.", {"team": "growth"}),
    "aliases": Key("texts", "Aliases that point at it.", ["canary"]),
    "datasets": Key(
        "datasets", "Data sets that the run logged as inputs: `{name, digest, context}`.",
        [{"name": "contacts_2025", "digest": "1a2b", "context": "training"}],
    ),
    "signature": Key(
        "signature", "`inputs` and `outputs`: names of columns, or names and types.",
        {"inputs": ["age"], "outputs": {"score": "double"}},
    ),
    "input_example": Key("flag", "Whether it was logged with one. Default: `false`.", True),
    "started_at": Key("moment", "When the run started.", "3d ago"),
    "run": Key("flag", "`false` for a version whose run is gone, and what is logged on it.", False),
    "model_file": Key("flag", "`false` for a version without MLmodel file.", False),
    "trainer": Key("person", "Who made the run.", "tom"),
    "registrant": Key("person", "Who registered the version.", "tom"),
    "evidence": Key("json", "What plugins supply, by name.", {"fairness": {"gap": 0.02}}),
    "description": Key("text", "The version's description.", "Trained on all of 2025."),
    "version": Key("version", "Its number. Default: 2; of a champion 1.", 2),
    "created_at": Key("moment", "When it was registered.", "4d ago"),
    "workspace": Key("text", "The workspace it is in.", "default"),
}  # fmt: skip

EXPECT: Mapping[str, Key] = {
    "outcome": Key(
        "outcome", "`allowed`, `denied`, `pending`, `inconclusive`, or `not_covered` where the policy is not "
        "about the model.", "denied",
    ),
    "verdicts": Key(
        "verdicts", "By the name of a gate's entry: `passed`, `failed`, `pending`, `inconclusive` or "
        "`error`. Those that are not named are free.", {"metric_threshold": "failed"},
    ),
    "message": Key(
        "messages", "Text that one of the reasons contains: what the gates say that did not pass, and what "
        "stands against the move itself.", "roc_auc 0.74 is below 0.75",
    ),
    "passes_at": Key("moment", "When it would pass by itself, where it is pending.", "in 1h"),
}  # fmt: skip

PERSON = ("name", "authenticated")
APPROVAL = (*PERSON, "at", "reason")
METRIC = ("value", "dataset", "dataset_digest")
DATASET = ("name", "digest", "context")
STAY = ("stage", "since", "until")
SIGNATURE = ("inputs", "outputs")
