"""A plugin in which one thing of every kind is wrong. findings.txt says what is found."""

from __future__ import annotations

import os
import sys

from hotpass import Gate, ParameterError, failed, hookimpl, passed

print("a plugin may print something")
NOTHING = {"type": "object", "properties": {}, "additionalProperties": False}
calls = []


def gate(name, evaluate=lambda candidate: failed("no"), schema=NOTHING, doc="A gate.", **more):
    body = {"name": name, "schema": schema, "__doc__": doc, **more}
    return type(name.title(), (Gate,), {**body, "evaluate": lambda self, candidate, now: evaluate(candidate)})


def endless(candidate):
    while True:
        pass


def counts(candidate):
    calls.append(candidate)
    return failed(f"call {len(calls)}")


def compares(candidate):
    metric = candidate.metric("roc_auc")
    return failed("no") if metric is None or metric.value < 0.5 else passed("yes")


def compares_infinity(candidate):
    metric = candidate.metric("roc_auc")
    return passed("yes") if metric is not None and metric.value >= 0.5 else failed("no")


def compares_minus_infinity(candidate):
    metric = candidate.metric("log_loss")
    return passed("yes") if metric is not None and metric.value <= 0.5 else failed("no")


def prints(candidate):
    os.write(1, b"a gate may print something\n")
    return failed("no")


def writes(candidate):
    candidate.read["x"] = {1}
    return failed("no")


def refuses(self, parameters):
    raise ParameterError("not like this")


GATES = [
    gate("any_key", schema={"type": "object"}),
    gate("breaks", lambda candidate: 1 / 0),
    gate("compares_infinity", compares_infinity),
    gate("compares_minus_infinity", compares_minus_infinity),
    gate("compares_nan", compares),
    gate("counts", counts),
    gate("docstring_example", doc="A gate.\n\n        - docstring_example: {at_least: 1}\n\n    No."),
    gate("ends_the_process", lambda candidate: os._exit(0)),
    gate("endless", endless),
    gate("example", schema={**NOTHING, "examples": [{"at_least": 1}]}),
    gate("exits", lambda candidate: sys.exit(3)),
    gate("explains", explain=lambda self: "One sentence.", demands=lambda self: ["metrics.roc_auc"]),
    gate("fine"),
    gate("fine_and_prints", prints),
    gate("missing_evidence", lambda candidate: failed(str(candidate.evidence("incidents")))),
    gate("nan", lambda candidate: failed("no", value=float("nan"))),
    gate("no_example", schema={"type": "string"}),
    gate("passes_everything", lambda candidate: passed("yes")),
    gate(
        "passes_the_empty",
        lambda candidate: (failed if candidate.tag("owner") is None else passed)("is it set?"),
    ),
    gate("refers_elsewhere", schema={"$ref": "https://example.org/schema.json"}),
    gate("refuses", __init__=refuses),
    gate("returns_nothing", lambda candidate: None),
    gate("schema", schema={"type": "objekt"}),
    gate("schema_of_sets", schema={"enum": {1, 2}}),
    gate("silent", lambda candidate: failed(" ")),
    gate("writes_into_the_record", writes),
]


@hookimpl
def hotpass_gates():
    return GATES


@hookimpl
def hotpass_veto(candidate):
    return candidate.to_stage == "Staging"


@hookimpl
def hotpass_evidence(name):
    return {"name": name}
