"""`leakage`: no column gives the target away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from hotpass import exhibits
from hotpass.candidate import Candidate
from hotpass.decimals import number_text
from hotpass.exhibits import Exhibit
from hotpass.gates import MeasuringGate, ParameterError
from hotpass.spoken import all_of
from hotpass.verdicts import GateResult, Json, Verdict, failed
from hotpass_evaluation.gates.common import DATA, DataSource, Unusable, limits_of, start, training_rows
from hotpass_evaluation.gates.words import counted, percent

_AT_MOST, _AHEAD, _GIVES_AWAY = 0.8, 0.1, 0.1
_FEWEST_OTHERS = 3
_NAMED, _KEPT = 3, 40
_CONFIDENCE = 0.95
_HOW = {"order": "by its order", "values": "by its values", "missing": "by whether it is missing"}
_SHARE = {"type": "number", "exclusiveMinimum": 0, "maximum": 1}


class Leakage(MeasuringGate):
    """No column that the model reads tells the target suspiciously well all by itself.

        - leakage: {target: y}

    or, where somebody has looked at a column that is that good for a reason:

        - leakage:
            target: y
            at_most: 0.8
            allow:
              credit_score: bought from the agency before the call; checked by Ann in May

    A column that is known only after the outcome (how long the call took, the date of the contract) makes a
    model that is excellent on every set of rows but tomorrow's. On the rows that the model was trained on,
    each column is judged by itself: as numbers by their order in both directions, by bins or texts (the mean
    target of the same bin among other rows), and by whether it is missing; the best of these counts. It fails
    where a column

    - alone reaches more than `at_most`: the area under the ROC curve, 0.8 unless the policy says otherwise,
      or R squared for a target that is a number;
    - alone is ahead of all others together by more than `ahead_of_others` (0.1): boosted trees fitted on the
      others, judged on other rows. Only where there are at least three others; a column that says the same
      as the first (rank correlation 0.95), or is over `at_most`, is not one of them;
    - gives away more than `gives_away` (a tenth) of the rarer class: rows with a value that at least 20 rows
      have and 99 of 100 of those are of that class;
    - is an id: every row has another value, texts without spaces, or whole numbers nearly without gaps.

    The figures are suspicions, not proofs, so the estimate itself is held against the limit; the record has
    its interval too. For the 41,188 contacts of the bank-marketing data, `duration` reaches 0.818, as it
    is known only after the call. The next are economic indices that change by the month, `euribor3m` 0.784,
    `cons.price.idx` and `cons.conf.idx` 0.782, `nr.employed` 0.769, then `emp.var.rate` 0.759, and then
    `previous` with 0.609; all without `duration` together reach 0.799.

    The rows are the run's artifact `training/training.parquet`, which `hotpass train` keeps, or else the data
    set that it logged with context `training`, or else those of `data`. Judged are the columns that the
    model reads, by its signature, since what it does not read cannot leak; with `columns: all`, or without a
    signature, all of them. Of more than 200,000 rows as many are drawn, always the same, half of each class.

    To pass: leave the column out; or, where it is known when the model is asked, say so under `allow`.
    """

    name = "leakage"
    schema: ClassVar[Mapping[str, Any]] = {
        "description": "What a single column may tell of the target.",
        "type": "object",
        "properties": {
            "target": DATA["target"],
            "positive": DATA["positive"],
            "data": {**DATA["data"], "description": "Left out, the rows that the model was trained on."},
            "at_most": {
                "description": "The most that a column alone may reach: area under the ROC curve, or R "
                "squared.",
                **_SHARE, "default": _AT_MOST,
            },
            "ahead_of_others": {
                "description": "By how much a column alone may be better than all others together; "
                "`unchecked`: by any.",
                "oneOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"const": "unchecked"}],
                "default": _AHEAD,
            },
            "gives_away": {
                "description": "The share of the rarer class that a column may give away.",
                "type": "number", "minimum": 0, "maximum": 1, "default": _GIVES_AWAY,
            },
            "columns": {
                "description": "Which columns are judged: those that the model reads, or all.",
                "enum": ["inputs", "all"], "default": "inputs",
            },
            "allow": {
                "description": "Columns that somebody has looked at, each with the reason why it is no leak.",
                "type": "object", "minProperties": 1,
                "additionalProperties": {"type": "string", "minLength": 3},
                "examples": [{"credit_score": "bought from the agency before the call"}],
            },
            "min_positives": {
                "description": "With fewer rows of the rarer class than this (or rows at all, where the "
                "target is a number) it is inconclusive.",
                "type": "integer", "minimum": 2, "default": 30,
            },
            "limits": DATA["limits"],
        },
        "required": ["target"],
        "additionalProperties": False,
        "examples": [{"target": "y"}],
    }  # fmt: skip

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        super().__init__(parameters)
        self._target: str = parameters["target"]
        self._data = DataSource.of(parameters) if "data" in parameters else None
        self._limits = limits_of(parameters.get("limits", {}))
        self._at_most = float(parameters.get("at_most", _AT_MOST))
        ahead = parameters.get("ahead_of_others", _AHEAD)
        self._ahead: float | None = None if ahead == "unchecked" else float(ahead)
        self._gives_away = float(parameters.get("gives_away", _GIVES_AWAY))
        self._all = parameters.get("columns") == "all"
        self._allow: Mapping[str, str] = parameters.get("allow", {})
        self._min_positives: int = parameters.get("min_positives", 30)
        if self._target in self._allow:
            raise ParameterError(
                f"{self._target} is the target; a model that reads it is told the answer",
                ("allow", self._target), "Take it out.",
            )  # fmt: skip

    def measure(self, candidate: Candidate, now: datetime) -> GateResult:
        file = candidate.model_file()
        inputs = [name for name, _ in file.inputs or ()] if file and not self._all else []
        try:
            job = self._job(candidate)
            job |= {
                "target": self._target, "positive": self.parameters.get("positive"),
                "columns": list(inputs) or None, "allowed": list(self._allow), "at_most": self._at_most,
                # Without the check nobody needs to fit what it compares with.
                "fewest_others": _FEWEST_OTHERS if self._ahead is not None else len(inputs) + 1_000_000,
                "confidence": _CONFIDENCE,
            }  # fmt: skip
            found = start("leakage", job, candidate)
        except Unusable as error:
            return failed(str(error))
        return self._judged(found, bool(inputs))

    def _job(self, candidate: Candidate) -> dict[str, Json]:
        if self._data is not None:
            return self._data.job(candidate, models=False)
        rows = training_rows(candidate)
        if rows is None:
            raise Unusable(
                "the run kept no training data to look at: log it as training/training.parquet "
                "(`hotpass train` "
                "does) or with mlflow.log_input(…, context='training'); or name rows under data:"
            )
        return {
            "data": {"path": rows, "delimiter": None, "name": f"the training data ({Path(rows).name})"},
            "limits": {"seconds": self._limits.seconds, "memory": self._limits.memory},
        }  # fmt: skip

    def _judged(self, found: Mapping[str, Any], by_signature: bool) -> GateResult:
        columns: Mapping[str, Mapping[str, Any]] = found["columns"]
        order = sorted(columns, key=lambda name: -columns[name]["value"])
        suspects = {name: why for name in order if (why := self._suspicious(name, columns[name], found))}
        reasons = [f"{name} {why}" for name, why in suspects.items() if name not in self._allow]
        evidence: dict[str, Json] = {
            "rows": found["rows"], "drawn": found["drawn"], "positives": found["positives"],
            "digest": found["digest"], "together": found["together"], "judged": len(columns),
            "suspicious": list(suspects),
            "allowed": {name: why for name, why in self._allow.items() if name in columns},
            "columns": {
                name: {key: columns[name][key] for key in ("value", "low", "high", "gives_away")}
                for name in order[:_KEPT]
            },
        }  # fmt: skip
        drawn = _exhibits(found, order, suspects, self._at_most)
        fewer = found["rows"] if found["positives"] is None else min(
            found["positives"], found["rows"] - found["positives"])  # fmt: skip
        if fewer < self._min_positives:
            what = "rows" if found["positives"] is None else "rows of the rarer class"
            return GateResult(
                Verdict.INCONCLUSIVE, f"there are {fewer:,} {what}, and min_positives asks for "
                f"{self._min_positives:,}", evidence, None, drawn,
            )  # fmt: skip
        if reasons:
            more = f"; and {len(reasons) - _NAMED} more" if len(reasons) > _NAMED else ""
            return GateResult(
                Verdict.FAILED,
                f"{'; '.join(reasons[:_NAMED])}{more}. Leave out what is not known yet when the model "
                "is asked, "
                f"or allow what is{self._misspelt(columns)}", evidence, None, drawn,
            )  # fmt: skip
        best = next((name for name in order if name not in self._allow), order[0])
        judged = f"{counted(len(columns), 'column')}{' that the model reads' if by_signature else ''}"
        allowed = [name for name in suspects if name in self._allow]
        passes = f"; allowed by the policy: {all_of(allowed)}" if allowed else ""
        return GateResult(
            Verdict.PASSED, f"none of {judged} gives {self._target} away; the best alone is {best} with "
            f"{self._figure(columns[best]['value'], found)}{passes}", evidence, None, drawn,
        )  # fmt: skip

    def _suspicious(self, name: str, told: Mapping[str, Any], found: Mapping[str, Any]) -> str:
        together = found["together"]
        value = told["value"]
        if value > self._at_most:
            said = (f"alone reaches {self._figure(value, found)} {_HOW[told['how']]}, and at most "
                    f"{number_text(self._at_most)} was wanted")  # fmt: skip
            if together and together["column"] == name:
                said += f" (all others together: {together['value']:.3f})"
            return said
        if self._ahead is not None and together and together["column"] == name:
            ahead = value - together["value"]
            if ahead > self._ahead:
                return (f"alone reaches {self._figure(value, found)} {_HOW[told['how']]}, and all "
                        f"{together['others']} others together {together['value']:.3f}: ahead by "
                        f"{ahead:.3f}, and "
                        f"{number_text(self._ahead)} was allowed")  # fmt: skip
        if told["gives_away"] > self._gives_away:
            share = percent(round(told["gives_away"], 3))
            return (f"gives {share} of the rarer class away, by values that hardly any other has; "
                    f"{percent(self._gives_away)} was allowed")  # fmt: skip
        return "is an id: every row has another value" if told["id"] else ""

    def _misspelt(self, columns: Mapping[str, Any]) -> str:
        unknown = [name for name in self._allow if name not in columns]
        return f" (`allow` names {all_of(unknown)}, and no judged column is called so)" if unknown else ""

    @staticmethod
    def _figure(value: float, found: Mapping[str, Any]) -> str:
        return f"{'an AUC' if found['kind'] == 'classifier' else 'an R squared'} of {value:.3f}"

    def explain(self) -> Sequence[str]:
        where = self._data.in_words() if self._data else "the training data"
        which = "column" if self._all else "column that the model reads"
        said = [
            f"No {which} tells {self._target} by itself better than {number_text(self._at_most)} "
            "(area under the "
            f"ROC curve, or R squared), gives more than {percent(self._gives_away)} of the rarer "
            "class away, or is "
            f"an id, in {where}."
        ]
        if self._ahead is not None:
            said.append(f"No column is ahead of all others together by more than {number_text(self._ahead)}.")
        said += [f"The column {name} may: {reason.rstrip('.')}." for name, reason in self._allow.items()]
        return said


def _exhibits(
    found: Mapping[str, Any], order: Sequence[str], suspects: Mapping[str, str], at_most: float
) -> list[Exhibit]:
    columns = found["columns"]
    what = "Area under the ROC curve" if found["kind"] == "classifier" else "R squared"
    about = f"{what} of each column alone, in {counted(found['rows'], 'row')}."
    if found["together"]:
        together = found["together"]
        about += (f" Without {together['column']}, {together['others']} others together reach "
                  f"{together['value']:.3f}.")  # fmt: skip
    return [exhibits.intervals(
        "What a single column tells of the target",
        [{"label": name, "value": columns[name]["value"], "low": columns[name]["low"],
          "high": columns[name]["high"], "margin": at_most,
          "verdict": "failed" if name in suspects else "passed"} for name in order[:_KEPT]],
        about=about,
    )]  # fmt: skip
