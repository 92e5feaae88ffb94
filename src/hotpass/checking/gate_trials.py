"""What is asked of a gate beyond what is checked when it is loaded."""

from __future__ import annotations

import inspect
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from hotpass.checking.candidates import TRIALS, Trial
from hotpass.checking.findings import Begun, Found
from hotpass.demands import Demand
from hotpass.engine import breach_of_contract
from hotpass.gates import Gate
from hotpass.policy.words import flow
from hotpass.sources import NotAtHand
from hotpass.testing import NOW
from hotpass.texts import shown
from hotpass.verdicts import GateResult, Verdict, is_json

T = TypeVar("T")

#: What is about to run, and what is found wrong; and what that comes to.
Trying: TypeAlias = Generator[Begun | Found, None, T]
Steps: TypeAlias = Trying[None]


def try_gate(gate: type[Gate]) -> Steps:
    """Tries everything on `gate`."""
    if (yield from _schema(gate)):
        return
    tried = False
    for parameters, where in _examples(gate):
        tried = True
        instance = yield from _made(gate, parameters, where)
        if instance is None:
            continue
        with_these = "" if parameters == {} else f" with {flow(parameters)}"
        yield from _told(instance, with_these)
        for trial in TRIALS:
            # One finding for each kind of candidate tells enough.
            if (yield from _judged(instance, trial, with_these)):
                break
    if not tried:
        yield Found(
            "nothing was tried, for want of an example of its parameters",
            "Add `examples` to its schema: a list of parameters as they would stand in a policy.",
        )


def _schema(gate: type[Gate]) -> Trying[bool]:
    """Returns whether the schema is no use at all."""
    from jsonschema import Draft202012Validator, SchemaError
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        json.dumps(gate.schema, allow_nan=False)
        Draft202012Validator.check_schema(gate.schema)
    except SchemaError as error:
        place = "/".join(map(str, error.absolute_path))
        yield Found(
            f"its schema is not a JSON Schema (2020-12){f', at {place}' if place else ''}: {error.message}"
        )
        return True
    except (TypeError, ValueError) as error:
        yield Found(f"its schema cannot be written as JSON: {error}",
                    "Use dicts, lists, texts, numbers, True, False and None only.")  # fmt: skip
        return True
    try:
        list(Draft202012Validator(dict(gate.schema), registry=Registry()).iter_errors({}))
    except Unresolvable as error:
        yield Found(f"its schema refers to something outside itself: {error}",
                    "Nothing is fetched from there: write it into the schema, under `$defs`.")  # fmt: skip
        return True
    if gate.schema.get("type") == "object" and "additionalProperties" not in gate.schema:
        yield Found("its schema takes any key, so a misspelt one is never noticed",
                    'Add "additionalProperties": False.')  # fmt: skip
    return False


def _examples(gate: type[Gate]) -> Iterator[tuple[Any, str]]:
    """Parameters, and where they stand, each once."""
    seen = []
    found = [(example, "the example in its schema") for example in gate.schema.get("examples", ())]
    if gate.allows_bare_name():
        found.append(({}, "no parameters"))
    found += [(example, "the example in its docstring") for example in _in_docstring(gate)]
    for example, where in found:
        if example not in seen:
            seen.append(example)
            yield example, where


def _in_docstring(gate: type[Gate]) -> Iterator[Any]:
    """The parameters in the policy entries that the docstring shows, as far as they are YAML."""
    import yaml

    block: list[str] = []
    for line in [*inspect.cleandoc(gate.__doc__ or "").splitlines(), "."]:
        if line.startswith("    ") or (block and not line.strip()):
            block.append(line)
            continue
        try:
            entries = yaml.safe_load(inspect.cleandoc("\n" + "\n".join(block))) if block else []
        except yaml.YAMLError:
            entries = []
        block = []
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, Mapping) and gate.name in entry:
                yield entry[gate.name]


def _made(gate: type[Gate], parameters: Any, where: str) -> Trying[Gate | None]:
    """Returns the gate with these parameters, or None where it cannot be had."""
    from jsonschema import Draft202012Validator

    for error in Draft202012Validator(dict(gate.schema)).iter_errors(parameters):
        yield Found(f"{where} does not fit its schema: {error.message}")
        return None
    yield Begun(f"is made with {flow(parameters)}")
    try:
        return gate(parameters)
    except Exception as error:
        yield Found(f"{where}, {flow(parameters)}, is refused: {in_words(error)}",
                    "Correct the example, or `__init__`.")  # fmt: skip
        return None


def _told(gate: Gate, with_these: str) -> Steps:
    yield Begun(f"explains itself{with_these}")
    try:
        sentences: object = gate.explain()
    except Exception as error:
        yield Found(f"explain() raised {in_words(error)}{with_these}")
    else:
        if not (
            isinstance(sentences, Sequence) and not isinstance(sentences, str) and sentences
            and all(isinstance(sentence, str) and sentence.strip() for sentence in sentences)
        ):  # fmt: skip
            yield Found(f"explain() returned {brief(sentences)}{with_these}", "Return a list of sentences.")
    yield Begun(f"says what it demands{with_these}")
    try:
        demands = list(gate.demands())
    except Exception as error:
        yield Found(f"demands() raised {in_words(error)}{with_these}")
    else:
        if not all(isinstance(demand, Demand) for demand in demands):
            yield Found(f"demands() gave {brief(demands)}{with_these}", "Give hotpass.Demand only.")


def _judged(gate: Gate, trial: Trial, with_these: str) -> Trying[bool]:
    """Returns whether something was found."""
    whom = f"a candidate {trial.about}{with_these}"
    candidate = trial.make()
    try:
        yield Begun(f"judges {whom}")
        result = gate.evaluate(candidate, NOW)
        yield Begun(f"judges once more {whom}")
        again = gate.evaluate(trial.make(), NOW)
    except NotAtHand:  # it measures files, and a candidate of a trial has none
        return False
    except Exception as error:
        yield Found(
            f"raised {in_words(error)} on {whom}", _NO_EVIDENCE if isinstance(error, KeyError) else _RAISED
        )
        return True
    found = _wrong_with(result, again, whom, may_pass=trial.may_pass)
    wrong = next((key for key, value in candidate.read.items() if not is_json(value)), None)
    if found is None and wrong is not None:
        found = Found(
            f"left something in the record that is not JSON, at {wrong}, of {whom}",
            "Read through the methods of the candidate, and write nothing into `candidate.read`.",
        )
    if found is not None:
        yield found
    return found is not None


_RAISED = "Return `failed(…)` with a sentence instead: it tells people what to do, and an error does not."
_NO_EVIDENCE = (
    "candidate.evidence(name) raises KeyError where no plugin supplies it: catch that, and return "
    "`failed(…)`."
)


def _wrong_with(result: GateResult, again: GateResult, whom: str, *, may_pass: bool) -> Found | None:
    breach = breach_of_contract(result)
    if breach:
        said = breach.removeprefix("the gate ").replace("the gate's", "its")
        return Found(f"{said}, of {whom}", "plugins/README.md says what is asked of a gate.")
    if result.verdict is Verdict.PASSED and not may_pass:
        return Found(
            f"passes {whom}",
            "Missing evidence, NaN, infinity and an empty text are `failed`, never `passed`. A rule "
            "that rests "
            "on nothing about the candidate is one for the hook hotpass_veto.",
        )  # fmt: skip
    if not result.message.strip():
        return Found(
            f"says nothing about {whom}", "Give `passed` and `failed` a sentence that a person can act on."
        )
    if result[:2] != again[:2] or dict(result.evidence) != dict(again.evidence):
        return Found(
            f"says something else the second time, of {whom}",
            "Keep no state, and read neither clock nor chance: `now` is a parameter.",
        )  # fmt: skip
    return None


def in_words(error: BaseException) -> str:
    try:
        text = brief(str(error))
    except Exception:
        text = "(its text cannot be shown)"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def brief(value: object, longest: int = 200) -> str:
    text = shown(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"
