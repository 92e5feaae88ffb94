"""`drift`: the rows that the model was trained on against recent ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from hotpass import exhibits
from hotpass.candidate import Candidate
from hotpass.decimals import number_text
from hotpass.exhibits import Exhibit
from hotpass.gates import MeasuringGate, ParameterError
from hotpass.spoken import all_of
from hotpass.verdicts import GateResult, Json, Verdict, failed
from hotpass_evaluation.gates.common import DATA, DataSource, Unusable, start, training_rows
from hotpass_evaluation.gates.metrics import CONFIDENCE
from hotpass_evaluation.gates.words import counted, decimals_for, percent, rounded

#: What each figure is, and for which columns there is one.
_FIGURES = {
    "psi": ("the population stability index", "numbers and texts"),
    "ks": ("the largest gap between the two distribution functions (Kolmogorov and Smirnov)", "numbers"),
    "wasserstein": ("by how many standard deviations the values moved on average", "numbers"),
    "total_variation": ("the share of rows whose text would have to change", "texts"),
    "new_categories": ("the share of recent rows with a text that the training data has not", "texts"),
    "missing": ("by how much the share of missing values differs", "numbers and texts"),
}
_LIMIT = {
    "type": "object",
    "properties": {"at_most": {"type": "number", "minimum": 0}},
    "required": ["at_most"],
    "additionalProperties": False,
}  # fmt: skip
_LIMITS = {
    name: {"description": f"The most that passes of {what}; for {kinds}.", **_LIMIT,
           "examples": [{"at_most": 0.2 if name == "psi" else 0.1}]}
    for name, (what, kinds) in _FIGURES.items()
}  # fmt: skip
_USUAL = {"psi": 0.2}
_NAMED = 3
#: A difference in the share of missing values that is told beside other figures.
_SHOWN = 0.02
_KEPT = 40


class _Found(NamedTuple):
    column: str
    figure: str
    limit: float
    value: float
    low: float
    high: float
    verdict: Verdict

    def in_words(self) -> str:
        places = min(decimals_for(self.value, self.low, self.high, self.limit), 4)
        return (f"{self.column}: {self.figure} {rounded(self.value, places)} "
                f"({rounded(self.low, places)} to {rounded(self.high, places)}; "
                f"limit {number_text(self.limit)})")  # fmt: skip


class Drift(MeasuringGate):
    """Recent data still looks like the data that the model was trained on, column by column.

        - drift: {data: recent.csv}

    which holds `psi` to at most 0.2, or in more detail:

        - drift:
            data: recent.csv
            psi: {at_most: 0.2}
            ks: {at_most: 0.1}
            missing: {at_most: 0.05}
            columns:
              euribor3m: {psi: {at_most: 0.5}}
            ignore: [nr.employed]

    The training data is the run's artifact `training/training.parquet`, which `hotpass train` keeps, or else
    the data set that the run logged with context `training`. Judged are the columns that the model reads, by
    its signature; without one, all of the training data but `target`. A column that recent data lacks fails.

    For numbers there are `psi` (ten bins of equal numbers of training rows; values that many have stand by
    themselves), `ks` and `wasserstein`, in standard deviations of the training data; for texts `psi`,
    `total_variation` and `new_categories`, where texts that fewer than 1 of 200 training rows have, all
    beyond the fifty most frequent and new ones are counted together; for both `missing`. What is missing is a
    bin of its own in `psi` and `total_variation`. By custom a `psi` below 0.1 is none to speak of, and one
    above 0.25 is large.

    Two samples of one and the same distribution differ, the more the fewer rows there are: the plain index of
    100 rows against 100 is 0.18 on average. So each figure is less what chance adds to it, and has bounds
    that hold for all columns and figures together with `confidence`. A lower bound above the limit fails. A
    limit between the bounds is `inconclusive`: take more rows, or write `unsettled: pass`, which fails only
    what is shown to have drifted. Of more than 200,000 rows as many are drawn, always the same.

    To pass: train again on newer data. Name under `ignore` what is meant to move, such as a counter or a
    date.
    """

    name = "drift"
    schema: ClassVar[Mapping[str, Any]] = {
        "description": "How far recent data may be from the data that the model was trained on.",
        "type": "object",
        "properties": {
            "data": {**DATA["data"], "description": "The recent rows; they need no target."},
            **_LIMITS,
            "columns": {
                "description": "Limits for single columns, instead of those for all.",
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {
                    "type": "object", "minProperties": 1, "properties": _LIMITS,
                    "additionalProperties": False,
                },
                "examples": [{"euribor3m": {"psi": {"at_most": 0.5}}}],
            },
            "ignore": {
                "description": "Columns that may move as they like.",
                "type": "array", "minItems": 1, "uniqueItems": True,
                "items": {"type": "string", "minLength": 1}, "examples": [["nr.employed"]],
            },
            "target": {
                "description": "The target's column in the training data, which is not compared. It matters "
                "only for a model without a signature.",
                "type": "string", "minLength": 1,
            },
            "min_rows": {
                "description": "Fewer recent rows than this are inconclusive.",
                "type": "integer", "minimum": 1, "default": 100,
            },
            "confidence": {
                **CONFIDENCE, "default": 0.95,
                "description": "How sure the bounds of all figures must be, together.",
            },
            "unsettled": {
                "description": "What to say where a limit lies between the bounds.",
                "enum": ["inconclusive", "pass"], "default": "inconclusive",
            },
            "limits": DATA["limits"],
        },
        "required": ["data"],
        "additionalProperties": False,
        "examples": [{"data": "recent.csv", "psi": {"at_most": 0.2}}],
    }  # fmt: skip

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        super().__init__(parameters)
        self._data = DataSource.of(parameters)
        self._limits = {name: float(parameters[name]["at_most"]) for name in _FIGURES if name in parameters}
        self._ignore: list[str] = list(parameters.get("ignore", ()))
        self._own: dict[str, dict[str, float]] = {
            column: {name: float(limit["at_most"]) for name, limit in limits.items()}
            for column, limits in parameters.get("columns", {}).items()
        }
        if not self._limits:
            self._limits = dict(_USUAL)
        for column in self._own:
            if column in self._ignore:
                raise ParameterError(
                    f"{column} is ignored and has limits", ("columns", column), "Take it out of one of them."
                )
        self._confidence = float(parameters.get("confidence", 0.95))
        self._min_rows: int = parameters.get("min_rows", 100)
        self._lenient = parameters.get("unsettled") == "pass"

    def measure(self, candidate: Candidate, now: datetime) -> GateResult:
        rows = training_rows(candidate)
        if rows is None:
            return failed(
                "the run kept no training data to compare with: log it as training/training.parquet "
                "(`hotpass "
                "train` does), or with mlflow.log_input(…, context='training')"
            )
        file = candidate.model_file()
        inputs = [name for name, _ in file.inputs or ()] if file else []
        try:
            job = self._data.job(candidate, models=False)
            figures = {*self._limits, *(name for own in self._own.values() for name in own)}
            job |= {
                "training": rows, "columns": list(inputs) or None, "ignore": list(self._ignore),
                "figures": len(figures), "confidence": self._confidence,
            }  # fmt: skip
            found = start("drift", job, candidate)
        except Unusable as error:
            return failed(str(error))
        return self._judged(found)

    def _judged(self, found: Mapping[str, Any]) -> GateResult:
        columns: Mapping[str, Any] = found["columns"]
        unknown = sorted(set(self._own) - set(columns))
        if unknown:
            return failed(f"columns: names {all_of(unknown)}, which is not among the compared columns: "
                          f"{', '.join(columns)}")  # fmt: skip
        judged = [one for column in columns for one in self._of(column, columns[column])]
        judged.sort(key=lambda one: (-one.low / (one.limit or 1e-9), -one.value / (one.limit or 1e-9)))
        evidence: dict[str, Json] = {
            "training": found["training"], "recent": found["recent"], "compared": len(columns),
            "columns": {
                name: {key: value for key, value in columns[name].items() if key in _FIGURES}
                for name in list(dict.fromkeys([*(one.column for one in judged), *columns]))[:_KEPT]
            },
        }  # fmt: skip
        verdict, message = self._said(judged, columns, found)
        return GateResult(verdict, message, evidence, None, _exhibits(found, judged))

    def _of(self, column: str, figures: Mapping[str, Any]) -> list[_Found]:
        found = []
        for figure, limit in {**self._limits, **self._own.get(column, {})}.items():
            if figure in figures:
                value, low, high, _ = figures[figure]
                verdict = Verdict.PASSED if high <= limit else Verdict.INCONCLUSIVE
                found.append(_Found(column, figure, limit, value, low, high,
                                    Verdict.FAILED if low > limit else verdict))  # fmt: skip
        return found

    def _said(
        self, judged: Sequence[_Found], columns: Mapping[str, Any], found: Mapping[str, Any]
    ) -> tuple[Verdict, str]:
        recent, data = found["recent"]["rows"], self._data.in_words()
        if recent < self._min_rows:
            return Verdict.INCONCLUSIVE, (
                f"{data} has {counted(recent, 'row')}, and min_rows asks for {self._min_rows:,}")  # fmt: skip
        bare = [column for column in columns if not any(one.column == column for one in judged)]
        drifted = [one for one in judged if one.verdict is Verdict.FAILED]
        open_ones = [one for one in judged if one.verdict is Verdict.INCONCLUSIVE]
        if drifted:
            names = list(dict.fromkeys(one.column for one in drifted))
            return Verdict.FAILED, (
                f"{len(names)} of {counted(len(columns), 'column')} drifted: "
                + "; ".join(self._in_words(one, columns) for one in drifted[:_NAMED])
                + (f"; and {len(names[_NAMED:])} more" if len(names) > _NAMED else "")
            )  # fmt: skip
        lacking = [
            f"{figure} of {column}"
            for column, own in self._own.items()
            for figure in own
            if figure not in columns[column]
        ]
        if lacking:
            return Verdict.INCONCLUSIVE, (
                f"columns: has a limit on {all_of(lacking)}, and there is no such figure of what "
                "these columns "
                "hold; write another under columns:"
            )
        if bare:
            return Verdict.INCONCLUSIVE, (
                f"there is no figure of {all_of(bare)} that a limit is written for; add psi or missing under "
                "columns:, or name them under ignore:"
            )
        if open_ones and not self._lenient:
            return Verdict.INCONCLUSIVE, (
                f"{counted(recent, 'row')} do not settle whether "
                f"{all_of([one.column for one in open_ones[:_NAMED]])} "
                f"drifted: {'; '.join(one.in_words() for one in open_ones[:_NAMED])}. "
                "Take more rows")  # fmt: skip
        worst = max(judged, key=lambda one: one.value / (one.limit or 1e-9))
        return Verdict.PASSED, (
            f"none of {counted(len(columns), 'column')} drifted in {counted(recent, 'row')} of "
            f"{data}; the most: "
            f"{worst.in_words()}")  # fmt: skip

    @staticmethod
    def _in_words(one: _Found, columns: Mapping[str, Any]) -> str:
        said, about = one.in_words(), columns[one.column]
        if about.get("new_named") and one.figure in ("psi", "total_variation", "new_categories"):
            new = ", ".join(f"{name!r} ({rows:,})" for name, rows in about["new_named"][:_NAMED])
            said += f", new: {new}"
        elif about.get("medians") and one.figure != "missing":
            before, after = (f"{number:.6g}" for number in about["medians"])
            said += f", median {before} in training and {after} now"
        shares = about["missing_shares"]
        if one.figure == "missing" or abs(shares[0] - shares[1]) > _SHOWN:
            before, after = (percent(round(share, 4)) for share in shares)
            said += f", missing: {before} in training and {after} now"
        return said

    def explain(self) -> Sequence[str]:
        data = self._data.in_words()
        limits = all_of([f"{figure} at most {number_text(limit)}" for figure, limit in self._limits.items()])
        said = [f"Each column of {data} is distributed as in the training data: {limits}."]
        for column, own in self._own.items():
            other = all_of([f"{figure} at most {number_text(limit)}" for figure, limit in own.items()])
            said.append(f"For {column} it is {other}.")
        if self._ignore:
            said.append(f"Not compared: {all_of(self._ignore)}.")
        return said


def _exhibits(found: Mapping[str, Any], judged: Sequence[_Found]) -> list[Exhibit]:
    columns: Mapping[str, Any] = found["columns"]
    order = list(dict.fromkeys([*(one.column for one in judged), *columns]))
    figures = [figure for figure in _FIGURES if any(figure in columns[name] for name in columns)]
    verdicts = {
        name: "drifted" if any(one.column == name and one.verdict is Verdict.FAILED for one in judged)
        else "unsettled" if any(one.column == name and one.verdict is Verdict.INCONCLUSIVE for one in judged)
        else ""
        for name in order
    }  # fmt: skip
    before, now = (counted(found[which]["rows"], "row") for which in ("training", "recent"))
    about = f"Each figure is less what chance adds. Training: {before}; recent: {now}."
    drawn: list[Exhibit] = [exhibits.table(
        "Columns, those that moved most first", ["column", *figures, ""],
        [
            [name, *(columns[name].get(figure, [None])[0] for figure in figures), verdicts[name]]
            for name in order
        ],
        about=about,
    )]  # fmt: skip
    for name, drawing in found["drawings"].items():
        if "edges" in drawing:
            series = [{"name": which, "edges": drawing["edges"], "heights": drawing[which]}
                      for which in ("training", "recent")]  # fmt: skip
            drawn.append(exhibits.histograms(name, name, series))
        else:
            pairs = zip(drawing["names"], drawing["training"], drawing["recent"], strict=True)
            drawn.append(exhibits.table(name, [name, "training", "recent"], [list(row) for row in pairs]))
    return drawn
