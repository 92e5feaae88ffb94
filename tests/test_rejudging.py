"""`Session.rejudge`: every version that serves is judged by the policies of today, as one that has arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hotpass import api
from hotpass.rejudging import Rejudged, Rejudging
from hotpass.session import Session
from hotpass.verdicts import Outcome, Verdict
from support.large_registry import Size, large_store
from support.stores import Store, forget_engines
from support.versions import make_version

MODEL = "m_leads"
EASY = "roc_auc: {at_least: 0.5}"


def write(gates: str, *, to: str = "Production", origin: str = "Staging", more: str = "") -> None:
    """`policies/leads.yaml`: to Staging nearly anything may go, and to Production what passes `gates`."""
    Path("policies").mkdir(exist_ok=True)
    Path("policies/leads.yaml").write_text(f"""\
policy: leads
models: ["m_*"]
promotions:
  - to: Staging
    gates: [{{metric_threshold: {{{EASY}}}}}]
  - to: {to}
    from: {origin}
    gates: {gates}
{more}""")


def connect(store: Store, **more: Any) -> Session:
    return api.connect(policies="policies", registry_uri=store.uri, tracking_uri=store.uri, **more)


def make(store: Store, roc_auc: float = 0.8, **more: Any) -> int:
    return make_version(store, MODEL, metrics={"roc_auc": roc_auc}, tags={"owner": "ana"}, **more)


def promoted(store: Store, version: int, *stages: str, **more: Any) -> None:
    with connect(store) as session:
        for stage in stages:
            session.promote(MODEL, version, stage, **more)


def rejudged(store: Store, **more: Any) -> Rejudging:
    with connect(store) as session:
        return session.rejudge(**more)


def only(found: Rejudging) -> Rejudged:
    [one] = found.judged
    return one


def verdicts(one: Rejudged) -> dict[str, str]:
    assert one.decision is not None
    return {judgement.entry.name: str(judgement.result.verdict) for judgement in one.decision.judgements}


METRIC = f"[{{metric_threshold: {{{EASY}}}}}]"


def test_what_serves_is_judged_and_nothing_else(sqlite_store: Store) -> None:
    write(METRIC)
    for version in (make(sqlite_store, 0.7), make(sqlite_store, 0.8)):
        promoted(sqlite_store, version, "Staging", "Production")
    promoted(sqlite_store, make(sqlite_store), "Staging")
    make(sqlite_store)
    database = Path(sqlite_store.uri.removeprefix("sqlite:///"))
    before = database.read_bytes()

    found = rejudged(sqlite_store)
    assert database.read_bytes() == before
    one = only(found)
    assert (one.served.facts.version, one.served.stage, one.served.aliases) == (
        2,
        "Production",
        ("production",),
    )
    assert (one.came_from, one.passes, found.clean) == ("Staging", True, True)
    assert one.decision is not None
    assert one.decision.notes == ()

    write("[{metric_threshold: {roc_auc: {at_least: 0.9}}}]")
    one = only(rejudged(sqlite_store))
    assert not one.passes
    assert "0.8, wanted at least 0.9" in one.decision.judgements[0].result.message  # type: ignore[union-attr]
    assert [o.served.facts.version for o in rejudged(sqlite_store, stages=["Staging"]).judged] == [3]


def test_a_stage_of_a_teams_own_and_an_alias_without_one(sqlite_store: Store) -> None:
    write(METRIC, to="Live", more="aliases: [champion]\n")
    promoted(sqlite_store, make(sqlite_store), "Staging", "Live")
    sqlite_store.client.set_registered_model_alias(MODEL, "champion", "1")
    one = only(rejudged(sqlite_store))
    assert (one.served.stage, one.served.aliases) == ("Live", ("champion", "live"))
    assert one.passes
    make(sqlite_store)
    sqlite_store.client.set_registered_model_alias(MODEL, "champion", "2")
    both = rejudged(sqlite_store).judged
    assert [one.passes for one in both] == [True, True]
    assert [one.title for one in both] == [
        f"{MODEL} version 1 in Live",
        f"{MODEL} version 2 in Live (alias champion; its stage is None)",
    ]


def test_the_promotion_that_led_there_counts_and_no_other(sqlite_store: Store) -> None:
    impossible = "gates: [{metric_threshold: {roc_auc: {at_least: 0.99}}}]"
    write(
        METRIC,
        more=f"  - to: Canary\n    gates: {METRIC}\n  - to: Production\n    from: Canary\n    {impossible}\n",
    )
    promoted(sqlite_store, make(sqlite_store), "Staging", "Production")
    one = only(rejudged(sqlite_store, stages=["Production"]))
    assert (verdicts(one), one.passes) == ({"metric_threshold": "passed"}, True)

    write(METRIC, origin="Canary")
    one = only(rejudged(sqlite_store))
    assert one.decision is not None
    assert (one.decision.outcome, verdicts(one)) == (Outcome.DENIED, {"metric_threshold": "passed"})
    assert one.decision.notes == (
        "it came from Staging, and policy leads lets a version into Production only from Canary",
    )


def test_what_was_adopted_is_judged_by_all_that_leads_there(sqlite_store: Store) -> None:
    write(METRIC, more=f"  - to: Production\n    from: Canary\n    gates: {METRIC}\n")
    make(sqlite_store)
    sqlite_store.client.transition_model_version_stage(MODEL, "1", "Production")
    for _ in range(2):
        one = only(rejudged(sqlite_store))
        assert (one.came_from, one.passes) == ("", True)
        assert one.decision is not None
        assert [len(one.decision.judgements), *one.decision.notes] == [
            2, "no promotion to Production is on record, so every one that leads there counts",
        ]  # fmt: skip
        with connect(sqlite_store) as session:
            session.adopt(MODEL)


def test_evidence_is_that_of_now_and_the_champion_is_no_rival(sqlite_store: Store) -> None:
    gates = "[{freshness: 10d}, {champion_comparison: {roc_auc: {better_than_champion_by: 0.1}, " \
            "first_champion: allow}}, {required_tags: {owner: present}}, signature]"  # fmt: skip
    write(gates)
    started = datetime.now(UTC) - timedelta(days=8)
    promoted(sqlite_store, make(sqlite_store, started=started), "Staging", "Production")
    assert only(rejudged(sqlite_store)).passes
    write(gates.replace("10d", "7d"))
    sqlite_store.client.delete_model_version_tag(MODEL, "1", "owner")
    assert verdicts(only(rejudged(sqlite_store))) == {
        "freshness": "failed", "champion_comparison": "passed", "required_tags": "failed",
        "signature": "passed",
    }  # fmt: skip


def test_a_version_that_was_rolled_back_keeps_its_approvals(sqlite_store: Store) -> None:
    write("[{approvals: {at_least: 1, claimed: true}}]")
    for version in (make(sqlite_store), make(sqlite_store)):
        with connect(sqlite_store, actor="ana") as session:
            session.approve(MODEL, version, "Production", reason="seen")
        promoted(sqlite_store, version, "Staging", "Production")
    with connect(sqlite_store) as session:
        session.rollback(MODEL, reason="worse than it looked")
    one = only(rejudged(sqlite_store))
    assert (one.served.facts.version, one.came_from, one.passes) == (1, "Staging", True)
    write("[{approvals: {at_least: 2, claimed: true}}]")
    assert verdicts(only(rejudged(sqlite_store))) == {"approvals": "pending"}


def test_what_was_overridden_stays_so_while_it_may_be(sqlite_store: Store) -> None:
    gates = "[{metric_threshold: {roc_auc: {at_least: 0.9}}, enforcement: overridable, by: [head]}]"
    write(gates)
    make(sqlite_store)
    with connect(sqlite_store, actor="head") as session:
        session.promote(MODEL, 1, "Staging")
        session.promote(MODEL, 1, "Production", reason="the fair", overrides=["metric_threshold"])
    one = only(rejudged(sqlite_store))
    assert one.decision is not None
    [judgement] = one.decision.judgements
    assert (one.passes, judgement.excused, judgement.result.verdict) == (True, True, Verdict.FAILED)
    write(gates.replace("[head]", "[ana]"))
    assert not only(rejudged(sqlite_store)).passes
    write("[{metric_threshold: {roc_auc: {at_least: 0.9}}}]")
    assert not only(rejudged(sqlite_store)).passes


def test_a_plugin_supplies_evidence(sqlite_store: Store) -> None:
    Path("gates").mkdir()
    Path("gates/stock.py").write_text('''\
from hotpass import Gate, hookimpl, failed, passed

class Stock(Gate):
    """There is stock."""
    name = "stock"
    schema = {"type": "object", "additionalProperties": False}
    def evaluate(self, candidate, now):
        return passed("yes") if candidate.evidence("stock") == candidate.version else failed("no")

@hookimpl
def hotpass_gates():
    return [Stock]

@hookimpl
def hotpass_evidence(candidate, name):
    return candidate.version if name == "stock" else None
''')
    write("[stock]")
    make(sqlite_store)
    with connect(sqlite_store, plugins="gates") as session:
        session.promote(MODEL, 1, "Staging")
        session.promote(MODEL, 1, "Production")
        assert verdicts(only(session.rejudge())) == {"stock": "passed"}


def test_one_that_cannot_be_read_does_not_hide_the_others(sqlite_store: Store) -> None:
    write("[signature]")
    promoted(sqlite_store, make(sqlite_store), "Staging", "Production")
    make_version(sqlite_store, "m_other", metrics={"roc_auc": 0.8})
    with connect(sqlite_store) as session:
        session.promote("m_other", 1, "Staging")
        session.promote("m_other", 1, "Production")
    source = sqlite_store.client.get_model_version(MODEL, "1").source.removeprefix("models:/")
    for tag in ("hotpass.model_file",):
        if tag in sqlite_store.client.get_logged_model(source).tags:
            sqlite_store.client.delete_logged_model_tag(source, tag)
    for file in sqlite_store.artifacts.rglob("MLmodel"):
        if source in str(file):
            file.write_text("{")
    one, other = rejudged(sqlite_store).judged
    assert (one.decision, one.passes, "MLmodel" in one.error) == (None, False, True)
    assert other.passes


# --- a large registry ---------------------------------------------------------------------------------------


@pytest.fixture
def large(
    session_root: Path, _template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Store]]:
    """Makes a registry of a size in a new working directory."""
    made: list[Store] = []

    def make_it(size: Size) -> Store:
        folder = tmp_path / size.name
        folder.mkdir()
        monkeypatch.chdir(folder)
        made.append(large_store(session_root, _template, folder, size))
        return made[-1]

    yield make_it
    for store in made:
        forget_engines(store.uri)


def statements(store: Store) -> tuple[list[str], Rejudging]:
    """What a re-judging sends to the database, and what it finds."""
    from sqlalchemy import event

    sent: list[str] = []

    def listen(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        sent.append(statement)

    with connect(store) as session:
        engine = session.registry.store.engine
        event.listen(engine, "before_cursor_execute", listen)
        try:
            return sent, session.rejudge()
        finally:
            event.remove(engine, "before_cursor_execute", listen)


def test_a_dwell_is_the_stay_that_it_had(large: Callable[..., Store]) -> None:
    store = large(Size(models=3, versions=64))
    found = rejudged(store)
    assert (len(found.judged), found.clean) == (2, True)
    file = Path("policies/large.yaml")
    file.write_text(file.read_text().replace("staging_dwell: 24h", "staging_dwell: 48h"))
    for one in rejudged(store).judged:
        assert verdicts(one) | {"staging_dwell": "failed"} == verdicts(one)
        assert one.decision is not None
        said = next(j.result.message for j in one.decision.judgements if j.entry.name == "staging_dwell")
        assert said == "it was in Staging for 1d 5h before, 2d wanted"
        assert one.decision.passes_at is None


def test_ten_thousand_versions_take_no_more_requests_than_a_hundred(large: Callable[..., Store]) -> None:
    few, found = statements(large(Size(models=2, versions=50)))
    assert (len(found.judged), found.models) == (1, 2)
    store = large(Size())
    many, found = statements(store)
    assert (len(found.judged), found.models) == (50, 50)
    assert found.clean
    assert len(many) <= len(few) + 5, (len(few), len(many))
    assert not [statement for statement in many if statement.split()[0] not in ("SELECT", "PRAGMA", "BEGIN")]
