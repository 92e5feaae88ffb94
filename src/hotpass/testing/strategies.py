"""Hypothesis strategies: any candidate that a gate can meet, nasty ones too.

    from hypothesis import given

    from hotpass.testing import judge
    from hotpass.testing.strategies import candidates

    @given(candidates(params={"validation_rows": texts()}))
    def test_it_never_breaks(candidate):
        judge(MinimumRows, {"at_least": 100}, candidate)

What a registry can hold is what comes: a run that is gone, metrics that are NaN or infinite, tags that are
empty or in any alphabet, clocks that disagree, no champion. The names that a gate looks for have to come
often to be found: `candidates(metrics=metrics(["f1"]))`. Needs `pip install 'hotpass[testing]'`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from hotpass.candidate import Approval, Candidate, Dataset, Metric, Person, Stay
from hotpass.gates import Gate
from hotpass.stages import ModelStage
from hotpass.testing.building import NOW, candidate
from hotpass.verdicts import Json

#: Names that the default gates and their documentation use.
METRICS = ("roc_auc", "precision", "log_loss", "lift_at_10")
TAGS = ("owner", "dataset", "tier", "team", "commit", "mlflow.source.git.commit", "mlflow.user")
COLUMNS = ("completeness", "intent_signal_score")
DATASETS = ("contacts_2025", "validation")
PEOPLE = ("ana", "ben", "cleo", "tom")

_STAGES = (*(stage.value for stage in ModelStage), "Canary")
_LONGEST = 300


def texts() -> SearchStrategy[str]:
    """Any text that MLflow stores: empty, of any alphabet, of several lines, long; no surrogates and no NUL.
    """
    return st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=_LONGEST)


def names(often: Sequence[str] = ()) -> SearchStrategy[str]:
    """Names of metrics, tags and the like: those of `often`, or any other."""
    other = texts().filter(str.strip)
    return st.sampled_from(often) | other if often else other


def numbers() -> SearchStrategy[float]:
    """Values of metrics: shares of one, sizes of any kind, NaN and both infinities."""
    return st.floats(0, 1) | st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0])


def moments(around: datetime = NOW) -> SearchStrategy[datetime]:
    """Times in UTC, most of them within a year of `around`, on either side."""
    near = st.timedeltas(timedelta(days=-400), timedelta(days=400)).map(lambda distance: around + distance)
    far = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
    return st.just(around) | near | far


def metrics(often: Sequence[str] = METRICS) -> SearchStrategy[dict[str, float | Metric]]:
    """Logged metrics by name, on the run or, with a data set, on the LoggedModel."""

    def of(name: str) -> SearchStrategy[tuple[str, float | Metric]]:
        on_model = st.builds(
            lambda value, dataset, digest: Metric(name, value, "logged model", dataset, digest),
            numbers(), st.just("") | names(DATASETS), st.just("") | texts(),
        )  # fmt: skip
        return st.tuples(st.just(name), numbers() | on_model)

    return st.lists(names(often).flatmap(of), max_size=6).map(dict)


def tags(often: Sequence[str] = TAGS) -> SearchStrategy[dict[str, str]]:
    """Tags by name; a value may be empty."""
    return st.dictionaries(names(often), texts() | st.sampled_from(["ana", "gold", "growth"]), max_size=5)


def datasets() -> SearchStrategy[list[Dataset]]:
    """Data sets logged as inputs; a digest or a context may be missing."""
    contexts = st.sampled_from(["", "training", "validation"]) | texts()
    return st.lists(st.builds(Dataset, names(DATASETS), st.just("") | texts(), contexts), max_size=3)


def stays(stage: str | None = None, around: datetime = NOW) -> SearchStrategy[list[Stay]]:
    """A history of stays, oldest first, as a ledger has it: the last one may last, in `stage` where that is
    given, and the clocks of a ledger may be ahead of `around`.
    """

    def history(times: Sequence[datetime], in_stages: Sequence[str], lasts: bool) -> list[Stay]:
        ordered = sorted(times)
        ends: list[datetime | None] = [*ordered[1:], None]
        found = [
            Stay(where, since, until, f"record-{number}")
            for number, (where, since, until) in enumerate(zip(in_stages, ordered, ends, strict=False))
        ]
        if found and not lasts:
            found[-1] = found[-1]._replace(until=found[-1].since)
        elif found and stage is not None:
            found[-1] = found[-1]._replace(stage=stage)
        return found

    some = st.lists(moments(around), max_size=5)
    in_stages = st.lists(st.sampled_from(_STAGES), min_size=5, max_size=5)
    return st.builds(history, some, in_stages, st.booleans())


def people() -> SearchStrategy[Person]:
    """People, authenticated or not."""
    return st.builds(Person, names(PEOPLE), st.booleans())


def approvals(around: datetime = NOW) -> SearchStrategy[list[Approval]]:
    """Approvals that stand; one person may have given several, since a claimed name is not the same one."""
    one = st.builds(
        lambda who, at, reason, number: Approval(
            who.name, who.authenticated, at, reason, f"approval-{number}"
        ),
        people(), moments(around), texts(), st.integers(1, 10**6),
    )  # fmt: skip
    return st.lists(one, max_size=4)


def signatures() -> SearchStrategy[dict[str, Any]]:
    """`inputs` and `outputs` of a signature: columns with or without types, or none."""
    columns = st.lists(names(COLUMNS), max_size=4) | st.dictionaries(names(COLUMNS), texts(), max_size=4)
    only_inputs = st.fixed_dictionaries({"inputs": columns})
    return st.just({}) | only_inputs | st.fixed_dictionaries({"inputs": columns, "outputs": columns})


def json_values() -> SearchStrategy[Json]:
    """What a plugin may supply as evidence."""
    plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)

    def deeper(below: SearchStrategy[Json]) -> SearchStrategy[Json]:
        return st.lists(below, max_size=3) | st.dictionaries(texts(), below, max_size=3)

    return st.recursive(plain | texts(), deeper, max_leaves=5)


def candidates(**fixed: Any) -> SearchStrategy[Candidate]:
    """Candidates. `fixed` are arguments of `hotpass.testing.candidate` that are the same in each, or
    strategies for them: `candidates(stage="Staging", metrics=metrics(["f1"]), champion=None)`.
    """
    return st.builds(candidate, **arguments(**fixed))


def arguments(**fixed: Any) -> dict[str, SearchStrategy[Any]]:
    """What `candidates` builds from: a strategy for each argument of `hotpass.testing.candidate`."""
    version = _version()
    champion = st.none() | st.fixed_dictionaries({}, optional=_version())
    everything: dict[str, SearchStrategy[Any]] = {
        **version,
        "stage": st.sampled_from(_STAGES),
        "to": st.sampled_from([stage for stage in _STAGES if stage != ModelStage.NONE]),
        "model": st.just("lead_scoring_model") | names(),
        "model_tags": tags(),
        "aliases": st.lists(st.sampled_from(["staging", "production", "canary", "champion"]), unique=True),
        "evidence": st.dictionaries(names(["fairness"]), json_values(), max_size=2),
        "champion": champion,
        "approvals": approvals(),
        "requester": people(),
        "rollback": st.booleans(),
        "workspace": st.just("default") | names(),
    }
    return everything | {name: _strategy(value) for name, value in fixed.items()}


def parameters(gate: type[Gate]) -> SearchStrategy[Any]:
    """Parameters of `gate` from the examples in its schema; nothing, where it may stand without.

    Raises ValueError for a gate whose schema has no example and needs one.
    """
    examples = list(gate.schema.get("examples", ()))
    if gate.allows_bare_name():
        examples.append({})
    if not examples:
        raise ValueError(
            f"the schema of {gate.name} has no `examples`. Add one, or pass parameters yourself."
        )
    return st.sampled_from(examples)


def _version() -> dict[str, SearchStrategy[Any]]:
    return {
        "version": st.integers(1, 10**6),
        "metrics": metrics(),
        "params": tags(["validation_rows"]),
        "tags": tags(),
        "run_tags": tags(),
        "datasets": datasets(),
        "started_at": st.none() | moments(),
        "run": st.booleans(),
        "stays": stays(),
        "signature": st.none() | signatures(),
        "input_example": st.booleans(),
        "model_file": st.booleans(),
        "trainer": st.none() | people(),
        "registrant": st.none() | people(),
        "created_at_ms": st.integers(0, 4_102_444_800_000),
        "description": texts(),
    }


def _strategy(value: Any) -> SearchStrategy[Any]:
    return value if isinstance(value, SearchStrategy) else st.just(value)
