"""The contract of a gate: one check with parameters.

A gate is a small class. Its docstring is what people read when it fails and what the policy reference prints;
its schema is what editors complete and what the policy loader checks. The loader makes one instance for each
entry in a policy, with the entry's parameters; `evaluate` is then called for every candidate, possibly from
several threads, so it keeps no state.

    class MinimumRows(Gate):
        '''At least so many rows stood behind the evaluation.'''

        name = "minimum_rows"
        schema = {
            "type": "object",
            "properties": {"at_least": {"type": "integer", "minimum": 1}},
            "required": ["at_least"],
            "additionalProperties": False,
        }

        def __init__(self, parameters):
            self.at_least = parameters["at_least"]

        def evaluate(self, candidate, now):
            rows = candidate.param("validation_rows")
            if rows is None:
                return failed("the run logged no parameter validation_rows")
            enough = int(rows) >= self.at_least
            return (passed if enough else failed)(f"{rows} validation rows, {self.at_least} wanted",
            rows=int(rows))

Two more methods are for people who read the policy, and both may be left out: `explain` says in plain words
what the gate asks for, and `demands` says it in a form that `hotpass policy lint` can reason about.

        def explain(self):
            return [f"At least {self.at_least} rows stood behind the evaluation."]

        def demands(self):
            return [Demand("params.validation_rows")]
"""

from __future__ import annotations

import inspect
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from hotpass.candidate import Candidate
from hotpass.demands import Demand
from hotpass.errors import PluginError
from hotpass.verdicts import GateResult

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")

#: Keys that stand beside a gate's name in a policy entry, so no gate can have one of these names.
COMMON_KEYS = frozenset({"enforcement", "by", "name", "hint"})


class ParameterError(ValueError):
    """Raised by a gate's `__init__` for parameters that fit its schema and still make no sense.

    `path` leads from the gate's parameters to the one at fault, so that the policy's line can be named:
    `ParameterError("0.9 is above 0.5", ("roc_auc", "at_most"))`.
    """

    def __init__(self, message: str, path: tuple[str | int, ...] = (), remedy: str = "") -> None:
        super().__init__(message)
        self.path = path
        self.remedy = remedy


class Gate(ABC):
    """One check with parameters. See the module's docstring for a complete example."""

    #: The name under which policies use it: lower case, digits, underscores.
    name: ClassVar[str]
    #: JSON Schema (2020-12) of the parameters. An object schema without `required` also allows the bare name.
    schema: ClassVar[Mapping[str, Any]]

    def __init__(self, parameters: Any) -> None:
        """Takes parameters that fit the schema: a dict, or what else the schema allows (`staging_dwell:
        24h`).

        May raise ParameterError; must not do I/O.
        """
        self.parameters = parameters

    @abstractmethod
    def evaluate(self, candidate: Candidate, now: datetime) -> GateResult:
        """The verdict on `candidate` at `now` (timezone-aware, UTC).

        Missing evidence is `failed` (or `pending`, where waiting brings it), never `passed`. An exception
        counts as verdict `error` and blocks.
        """

    def explain(self) -> Sequence[str]:
        """What the gate asks for with these parameters, for people who do not read YAML: a whole sentence for
        each thing that it asks, such as "ROC AUC is at least 0.75.".

        Left out, it is how the docstring begins, with the parameters behind it.
        """
        return [first_sentence(self, getattr(self, "parameters", None))]

    def demands(self) -> Iterable[Demand]:
        """What must be the case for the gate to pass, with these parameters: it passes no candidate for which
        one of these is not met. A demand that says less than the gate asks is right; one that says more is
        not.

        Left out, nothing is known of it, and lint says nothing about it.
        """
        return ()

    @classmethod
    def allows_bare_name(cls) -> bool:
        """Whether a policy may name the gate without parameters."""
        return cls.schema.get("type") == "object" and not (
            cls.schema.get("required") or cls.schema.get("minProperties")
        )


class MeasuringGate(Gate):
    """A gate that takes its time: it reads files, loads the model, measures.

    Such a gate runs where one version is judged to be moved. Where many are (`hotpass scan`, a backtest), and
    in the cases of `hotpass policy test`, what is on record or in the case stands in for it.
    """

    def evaluate(self, candidate: Candidate, now: datetime) -> GateResult:
        return candidate.stand_in(self.name) or self.measure(candidate, now)

    @abstractmethod
    def measure(self, candidate: Candidate, now: datetime) -> GateResult:
        """As `evaluate`. May be slow; heavy libraries and other people's code belong into a process of their
        own (`hotpass.workers`).
        """


def first_sentence(gate: Gate, parameters: Any) -> str:
    """How the docstring of `gate` begins, as a sentence, with the parameters behind it."""
    paragraph = inspect.cleandoc(gate.__doc__ or gate.name).partition("\n\n")[0]
    given = "" if parameters in ({}, None) else f" ({_in_words(parameters)})"
    return f"{' '.join(paragraph.split()).rstrip('.')}{given}."


def _in_words(value: Any, *, inside: bool = False) -> str:
    if isinstance(value, Mapping):
        text = ", ".join(f"{key}: {_in_words(item, inside=True)}" for key, item in value.items())
        return f"{{{text}}}" if inside else text
    if isinstance(value, list | tuple):
        return f"[{', '.join(_in_words(item, inside=True) for item in value)}]"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def check_gate_class(gate: object, plugin: str) -> type[Gate]:
    """`gate` if it keeps the contract; raises PluginError, naming `plugin` and all that is wrong."""
    if not (isinstance(gate, type) and issubclass(gate, Gate)):
        raise PluginError(
            f"plugin {plugin}: {gate!r} is not a subclass of hotpass.Gate. "
            "hotpass_gates() returns a list of gate classes."
        )
    wrong = []
    name = getattr(gate, "name", None)
    if not isinstance(name, str) or not _NAME.match(name):
        wrong.append(f"its name {name!r} must be lower case letters, digits and underscores")
    elif name in COMMON_KEYS:
        wrong.append(f"the name {name!r} is a key of every policy entry; choose another")
    if not isinstance(getattr(gate, "schema", None), Mapping):
        wrong.append("it needs a `schema`: the JSON Schema of its parameters (a dict)")
    if not (gate.__doc__ or "").strip():
        wrong.append("it needs a docstring: people read it when the gate fails")
    if getattr(gate, "__abstractmethods__", None):
        wrong.append("it must define evaluate(self, candidate, now)")
    if wrong:
        raise PluginError(f"plugin {plugin}: gate {gate.__name__}: " + "; ".join(wrong))
    return gate
