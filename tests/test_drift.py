"""`Session.drift`: what was changed past Hotpass is found and named, and nothing else is."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import hotpass
from hotpass import api
from hotpass.artifacts import DIGEST_TAG
from hotpass.drift.findings import Drift, Scan
from hotpass.facts import ModelFile
from hotpass.ledger.seal import Seal
from hotpass.plugins import create_manager
from hotpass.policy.model import PolicySet, PromotionEntry
from hotpass.recovery import DECISION_TAG
from hotpass.registry.convert import MODEL_FILE_TAG, model_file_tag
from hotpass.registry.mlflow_registry import MlflowRegistry
from hotpass.session import Session
from support.policies import entries, policy_set
from support.promoters import killed_promotion
from support.stores import Store
from support.versions import make_version

GATES: dict[str, Any] = {
    "metric_threshold": {"roc_auc": {"at_least": 0.5}},
    "champion_comparison": {"roc_auc": {"may_lose_at_most": 0.9}, "first_champion": "allow"},
    "required_tags": {"owner": "present"},
    "signature": {},
}
PROMPT = "mlflow.prompt.is_prompt"


def policies() -> PolicySet:
    return policy_set(production=GATES, production_from=None, models=("m_*",))


def connect(store: Store, **settings: Any) -> Session:
    return api.connect(policies=policies(), registry_uri=store.uri, tracking_uri=store.uri, **settings)


def make(store: Store, model: str, roc_auc: float = 0.8, **more: Any) -> int:
    return make_version(
        store, model, metrics={"roc_auc": roc_auc}, tags={"owner": "ada"}, params={"depth": 3}, **more
    )


def serve(store: Store, session: Session, model: str) -> None:
    """Version 1 was in Production, 2 is, and 3 was never promoted."""
    for value in (0.7, 0.8, 0.9):
        make(store, model, value)
    session.promote(model, 1, "Production")
    session.promote(model, 2, "Production")


# --- every kind of drift ------------------------------------------------------------------------------------


class Case(NamedTuple):
    """What somebody does past Hotpass, and what a scan finds: version, kind, and a piece of what is there."""

    name: str
    change: Callable[[Store, Any, str], object]
    found: list[tuple[int | None, str, str]]


def run_of(store: Store, model: str, version: int) -> str:
    return str(store.client.get_model_version(model, str(version)).run_id)


def logged_model_of(store: Store, model: str, version: int) -> str:
    source = store.client.get_model_version(model, str(version)).source
    return str(source).removeprefix("models:/")


def file_of(store: Store, model: str, version: int) -> Path:
    """The file of the version on the disk of whoever keeps the artifacts."""
    logged = logged_model_of(store, model, version)
    return next(path for path in store.artifacts.rglob("model.skops") if logged in str(path))


def newest_record(store: Store, model: str) -> str:
    return connect(store).history(model)[-1].id


def log_again(store: Store, c: Any, model: str) -> None:
    """A LoggedModel's metric can be logged again; the newest counts."""
    logged = logged_model_of(store, model, 2)
    c.log_metric(run_of(store, model, 2), "roc_auc", 0.99, model_id=logged)


def register_again(store: Store, c: Any, model: str) -> None:
    c.delete_registered_model(model)
    make(store, model)


def hide_again(store: Store, c: Any, model: str) -> None:
    c.rename_registered_model(model, f"elsewhere_{model}")


def delete_experiment(store: Store, c: Any, model: str) -> None:
    c.delete_experiment(c.get_experiment_by_name(f"hotpass-ledger/{model}").experiment_id)


CASES = [
    Case("nothing", lambda store, c, model: None, []),
    Case(
        "promoted_in_the_ui",
        lambda store, c, model: c.transition_model_version_stage(model, "3", "Production"),
        [(3, "stage", "Production, updated 20"), (None, "holders", "2, 3 are in Production")],
    ),
    Case(
        "replaced_in_the_ui",
        lambda store, c, model: c.transition_model_version_stage(
            model, "3", "Production", archive_existing_versions=True
        ),
        [(2, "stage", "Archived, updated 20"), (3, "stage", "Production, updated 20")],
    ),
    Case(
        "taken_out",
        lambda store, c, model: c.transition_model_version_stage(model, "2", "None"),
        [(2, "stage", "None, updated 20")],
    ),
    Case(
        "brought_back",
        lambda store, c, model: c.transition_model_version_stage(model, "1", "Staging"),
        [(1, "stage", "Staging, updated 20")],
    ),
    Case(
        "own_stage",
        lambda store, c, model: c.set_model_version_tag(model, "3", "hotpass.stage", "Canary"),
        [(3, "stage", "Canary")],
    ),
    Case(
        "alias_elsewhere",
        lambda store, c, model: c.set_registered_model_alias(model, "production", "3"),
        [(2, "alias", "production on version 3")],
    ),
    Case(
        "alias_missing",
        lambda store, c, model: c.delete_registered_model_alias(model, "production"),
        [(2, "alias", "production is missing")],
    ),
    Case(
        "alias_misspelt",
        lambda store, c, model: c.set_registered_model_alias(model, "PRODUCTION", "1"),
        [(1, "alias", "PRODUCTION on version 1")],
    ),
    Case(
        "alias_of_a_stage_without_holder",
        lambda store, c, model: c.set_registered_model_alias(model, "staging", "3"),
        [(3, "alias", "staging on version 3")],
    ),
    Case(
        "version_deleted",
        lambda store, c, model: c.delete_model_version(model, "1"),
        [(1, "version", "deleted")],
    ),
    Case(
        "model_created_again",
        register_again,
        [(1, "version", "another one, created 20"), (2, "version", "deleted")],
    ),
    Case("model_renamed", hide_again, [(None, "model", "the model is gone: deleted, or renamed")]),
    Case(
        "model_hidden",
        lambda store, c, model: c.set_registered_model_tag(model, PROMPT, "true"),
        [(None, "model", "MLflow hides it as a prompt")],
    ),
    Case(
        "version_hidden",
        lambda store, c, model: c.set_model_version_tag(model, "1", PROMPT, "true"),
        [(1, "version", "MLflow hides it as a prompt")],
    ),
    Case(
        "file_edited",
        lambda store, c, model: file_of(store, model, 2).write_bytes(b"another model"),
        [(2, "files", "files ")],
    ),
    Case(
        "file_of_a_former_champion_edited",
        lambda store, c, model: file_of(store, model, 1).write_bytes(b"another model"),
        [(1, "files", "files ")],
    ),
    Case(
        "files_gone",
        lambda store, c, model: shutil.rmtree(file_of(store, model, 2).parent),
        [(2, "files", "has no files")],
    ),
    Case(
        "logged_model_deleted",
        lambda store, c, model: c.delete_logged_model(logged_model_of(store, model, 2)),
        [(2, "evidence", "it is gone"), (2, "files", "is gone, and the files with it")],
    ),
    Case("metric_logged_again", log_again, [(2, "evidence", "metrics.roc_auc is 0.99 (logged model")]),
    Case(
        "tag_changed",
        lambda store, c, model: c.set_model_version_tag(model, "2", "owner", "eve"),
        [(2, "evidence", "version.tags.owner is eve")],
    ),
    Case(
        "tag_deleted",
        lambda store, c, model: c.delete_model_version_tag(model, "2", "owner"),
        [(2, "evidence", "version.tags.owner is nothing")],
    ),
    Case(
        "decision_forged",
        lambda store, c, model: c.set_model_version_tag(model, "3", DECISION_TAG, "f" * 32),
        [(3, "tag", "which the ledger does not have")],
    ),
    Case(
        "decision_of_another_version",
        lambda store, c, model: c.set_model_version_tag(
            model, "1", DECISION_TAG, newest_record(store, model)
        ),
        [(1, "tag", "which is about version 2")],
    ),
    Case(
        "decision_tag_deleted",
        lambda store, c, model: c.delete_model_version_tag(model, "2", DECISION_TAG),
        [(2, "tag", "hotpass.decision is gone")],
    ),
    Case(
        "digest_forged",
        lambda store, c, model: c.set_model_version_tag(model, "2", DIGEST_TAG, "0" * 64),
        [(2, "tag", "hotpass.artifact_digest is 000000000000")],
    ),
    Case(
        "record_edited",
        lambda store, c, model: c.set_tag(newest_record(store, model), "hotpass.hash", "0" * 64),
        [(None, "ledger", "does not have the hash it was written with")],
    ),
    Case(
        "record_deleted",
        lambda store, c, model: c.delete_run(newest_record(store, model)),
        [(None, "ledger", "its run was deleted. Restore it")],
    ),
    Case(
        "ledger_deleted",
        delete_experiment,
        [
            (None, "ledger", "of the ledger was deleted. Restore it"),
            (1, "stage", "Archived"),
            (1, "tag", "which the ledger does not have"),
            (2, "alias", "production on version 2"),
            (2, "stage", "Production"),
            (2, "tag", "which the ledger does not have"),
        ],
    ),
]  # fmt: skip


def key(finding: Drift) -> tuple[int, str]:
    return (finding.version or 0, str(finding.kind))


def scans(store: Store, **settings: Any) -> dict[str, Scan]:
    return {found.model: found for found in connect(store).drift(**settings)}


@pytest.mark.long_over_http
def test_every_kind_of_drift_is_found_and_nothing_else(store: Store) -> None:
    """Each kind on a model of its own, all in one scan."""
    with connect(store) as session:
        for case in CASES:
            serve(store, session, f"m_{case.name}")
    for case in CASES:
        case.change(store, store.client, f"m_{case.name}")
    found = scans(store)
    for case in CASES:
        findings = found[f"m_{case.name}"].findings
        # A model that was created again has lost the tag that says how far its ledger reached.
        findings = [f for f in findings if "hotpass.head, written with this record, is gone" not in f.found]
        seen = sorted(findings, key=key)
        expected = sorted(case.found, key=lambda item: (item[0] or 0, item[1]))
        assert [key(f) for f in seen] == [(version or 0, kind) for version, kind, _ in expected], (case, seen)
        for finding, (_, _, piece) in zip(seen, expected, strict=True):
            assert piece in finding.found, (case.name, finding)
            assert finding.recorded
            assert finding.remedy
    assert found["m_nothing"].clean
    assert (found["m_nothing"].versions, found["m_nothing"].files) == (3, 2)


# --- what is as recorded ------------------------------------------------------------------------------------


def team_policies() -> PolicySet:
    """With a stage of the team's own, and a way to the archive."""
    [policy] = policies().policies
    more = [PromotionEntry(stage, None, entries(GATES)) for stage in ("Canary", "Archived")]
    return PolicySet.of([replace(policy, promotions=(*policy.promotions, *more))])


@pytest.mark.long_over_http
def test_a_full_story_is_as_recorded(any_store: Store) -> None:
    """Adoption, promotions, a refusal, a rollback, a team's own stage, approvals and archiving."""
    client = any_store.client
    for value in (0.7, 0.75, 0.8, 0.3, 0.85, 0.9, 0.95):
        make(any_store, "m_story", value)
    client.set_registered_model_alias("m_story", "production", "1")
    client.set_registered_model_alias("m_story", "fastest", "2")
    if any_store.has_stages:
        client.transition_model_version_stage("m_story", "1", "Production")
        client.transition_model_version_stage("m_story", "2", "Staging")
        # In use before Hotpass, never adopted, and archived by the first promotion.
        make(any_store, "m_late")
        make(any_store, "m_late")
        client.transition_model_version_stage("m_late", "1", "Production")
    settings = {"policies": team_policies(), "registry_uri": any_store.uri, "tracking_uri": any_store.uri}
    with api.connect(**settings) as session:
        assert session.adopt("m_story")["versions"]
        session.promote("m_story", 3, "Production")
        with pytest.raises(hotpass.PromotionDenied):
            session.promote("m_story", 4, "Production")
        session.promote("m_story", 5, "Staging")
        session.promote("m_story", 5, "Production")
        session.rollback("m_story", reason="it scores the wrong leads")
        session.promote("m_story", 6, "Canary")
        session.approve("m_story", 6, "Production", reason="looks good")
        session.promote("m_story", 7, "Staging")
        session.promote("m_story", 7, "Archived")
        session.promote("m_story", 3, "Production")  # there already
        if any_store.has_stages:
            session.promote("m_late", 2, "Production")
    client.set_registered_model_alias("m_story", "fastest", "7")  # nobody guards that one
    client.set_model_version_tag("m_story", "3", "reviewed_by", "bob")  # nor a tag that nobody read
    with api.connect(**settings) as session:
        found = list(session.drift())
    assert [one.model for one in found] == (["m_late"] if any_store.has_stages else []) + ["m_story"]
    assert [one.findings for one in found] == [[] for _ in found]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_promotion_that_a_crash_left_open_is_no_drift(sqlite_store: Store, when: Any) -> None:
    """Half done (the alias is set, the stage is not) and once it is settled."""
    for _ in range(3):
        make_version(sqlite_store, "m_crash", metrics={"roc_auc": 0.8}, tags={"owner": "ada"})
    session = connect(sqlite_store)
    session.promote("m_crash", 1, "Production")
    killed_promotion(sqlite_store.uri, "m_crash", 2, "transition_model_version_stage", when, 1.0)
    [found] = connect(sqlite_store).drift()
    assert found.findings == []
    assert "is open" in found.notes[0]
    connect(sqlite_store).promote("m_crash", 3, "Production")
    [found] = connect(sqlite_store).drift()
    assert (found.findings, found.notes) == ([], [])


def test_what_came_past_hotpass_while_a_record_is_open_is_drift(sqlite_store: Store) -> None:
    for _ in range(3):
        make_version(sqlite_store, "m_crash", metrics={"roc_auc": 0.8}, tags={"owner": "ada"})
    connect(sqlite_store).promote("m_crash", 1, "Production")
    killed_promotion(sqlite_store.uri, "m_crash", 2, "transition_model_version_stage", "after", 1.0)
    sqlite_store.client.set_registered_model_alias("m_crash", "production", "3")
    sqlite_store.client.transition_model_version_stage("m_crash", "3", "Staging")
    [found] = connect(sqlite_store).drift()
    assert [(f.version, str(f.kind)) for f in found.findings] == [(3, "stage"), (1, "alias")]


# --- models that are looked at, and remedies that work ------------------------------------------------------


def test_a_covered_model_without_a_ledger_is_looked_at(sqlite_store: Store) -> None:
    for model in ("m_new", "other"):
        make(sqlite_store, model)
        sqlite_store.client.transition_model_version_stage(model, "1", "Staging")
    found = scans(sqlite_store)
    assert list(found) == ["m_new"], "no policy covers the other, and it has no ledger"
    [finding] = found["m_new"].findings
    assert (finding.version, finding.recorded) == (1, "in no stage")
    assert finding.remedy.endswith("hotpass adopt m_new")
    connect(sqlite_store).adopt("m_new")
    assert scans(sqlite_store)["m_new"].clean


@pytest.mark.long_over_http
def test_adopt_accepts_what_was_moved_past_hotpass(store: Store) -> None:
    """Also what was taken out of its stage, and an alias that was moved alone."""
    client = store.client
    with connect(store) as session:
        for model in ("m_out", "m_alias"):
            serve(store, session, model)
    client.transition_model_version_stage("m_out", "2", "None")
    client.transition_model_version_stage("m_out", "3", "Staging")
    client.set_registered_model_alias("m_alias", "production", "1")
    assert {model for model, found in scans(store).items() if not found.clean} == {"m_out", "m_alias"}
    for model in ("m_out", "m_alias"):
        assert connect(store).adopt(model)["versions"]
        assert connect(store).adopt(model)["versions"] == [], "once is enough"
    assert [found.findings for found in scans(store).values()] == [[], []]


def test_the_commands_that_a_finding_names_put_it_right(sqlite_store: Store) -> None:
    client = sqlite_store.client
    with connect(sqlite_store) as session:
        for model in ("m_replaced", "m_out", "m_alias"):
            serve(sqlite_store, session, model)
    client.transition_model_version_stage("m_replaced", "3", "Production", archive_existing_versions=True)
    client.transition_model_version_stage("m_out", "2", "None")
    client.set_registered_model_alias("m_alias", "production", "3")
    for model, found in scans(sqlite_store).items():
        [command] = {f.remedy.split(";")[0] for f in found.findings if f.version == 2}
        words = shlex.split(command)
        assert words[:3] == ["hotpass", "rollback", model]
        session = connect(sqlite_store)
        session.rollback(model, to_version=words[4], stage=words[6], reason=words[8])
    left = {model: [f.kind for f in found.findings] for model, found in scans(sqlite_store).items()}
    # Version 3, which replaced it, was archived by that; nobody recorded how it came to Production.
    assert left == {"m_alias": [], "m_out": [], "m_replaced": []}


def test_what_the_database_was_told_directly_shows(sqlite_store: Store) -> None:
    """Nothing in MLflow notices these."""
    with connect(sqlite_store) as session:
        serve(sqlite_store, session, "m_sql")
    run = run_of(sqlite_store, "m_sql", 2)
    with contextlib.closing(sqlite3.connect(sqlite_store.uri.removeprefix("sqlite:///"))) as db, db:
        db.execute("UPDATE model_versions SET current_stage = 'Production' WHERE version = 3")
        db.execute("UPDATE model_versions SET creation_time = 1 WHERE version = 1")
        db.execute("UPDATE logged_model_metrics SET metric_value = 0.99 WHERE run_id = ?", (run,))
    [found] = scans(sqlite_store).values()
    seen = [(f.version, str(f.kind)) for f in found.findings]
    assert seen == [
        (1, "version"), (3, "stage"), (None, "holders"), (1, "tag"), (2, "evidence"),
    ]  # fmt: skip
    assert found.findings[-1].recorded.startswith("metrics.roc_auc was 0.8 (logged model on validation)")
    assert found.findings[-1].found.startswith("metrics.roc_auc is 0.99 (logged model on validation)")


def test_evidence_of_the_first_decision_counts_too(sqlite_store: Store) -> None:
    """A metric that was raised between Staging and Production reads as the second decision has it."""
    make(sqlite_store, "m_raised", 0.6)
    session = connect(sqlite_store)
    session.promote("m_raised", 1, "Staging")
    logged = logged_model_of(sqlite_store, "m_raised", 1)
    sqlite_store.client.log_metric(run_of(sqlite_store, "m_raised", 1), "roc_auc", 0.9, model_id=logged)
    session.promote("m_raised", 1, "Production")
    [finding] = scans(sqlite_store)["m_raised"].findings
    assert (finding.version, str(finding.kind)) == (1, "evidence")
    assert finding.recorded.startswith("metrics.roc_auc was 0.6 ")


@pytest.mark.long_over_http
class TestWhatTheFileSays:
    """A LoggedModel's tag can say what is in the MLmodel file. A decision reads the tag where whoever decides
    believes it, and else the file, as a guard always does; a scan believes tags.
    """

    ELSE = ModelFile((("another", "double"),), (("0", "double"),))

    def served(self, store: Store, *, said: ModelFile | None = None, guard: bool = False) -> str:
        """The id of the LoggedModel of version 1, in Production, with a tag that says this of its file."""
        make(store, "m_file")
        model_id = logged_model_of(store, "m_file", 1)
        if said is not None:
            self.say(store, model_id, said)
        registry = MlflowRegistry(store.uri, store.uri, trust_tags=not guard)
        Session(registry, policies(), create_manager()).promote("m_file", 1, "Production")
        return model_id

    def say(self, store: Store, model_id: str, said: ModelFile | str) -> None:
        text = said if isinstance(said, str) else str(model_file_tag(said))
        store.client.set_logged_model_tags(model_id, {MODEL_FILE_TAG: text})

    def found(self, store: Store) -> list[tuple[str, str]]:
        [scan] = connect(store).drift()
        return [(str(finding.kind), finding.found) for finding in scan.findings]

    @pytest.mark.parametrize("guard", [True, False])
    def test_what_was_read_in_the_file_is_not_compared_with_a_tag(self, store: Store, guard: bool) -> None:
        model_id = self.served(store, said=self.ELSE if guard else None, guard=guard)
        assert self.found(store) == []
        self.say(store, model_id, "whatever")
        assert self.found(store) == []
        mlmodel = file_of(store, "m_file", 1).parent / "MLmodel"
        mlmodel.write_text(mlmodel.read_text().replace("income", "outcome"))
        [(kind, _)] = self.found(store)
        assert kind == "files"

    def test_what_was_read_in_the_tag_is_compared_with_the_tag(self, store: Store) -> None:
        """Whatever the file says."""
        model_id = self.served(store, said=self.ELSE)
        assert self.found(store) == []
        for text in ("not what Hotpass writes", "[" * 4000):
            self.say(store, model_id, text)
            [(kind, found)] = self.found(store)
            assert (kind, found.startswith(f"model_file is {text[:50]}")) == ("evidence", True)
        self.say(store, model_id, replace(self.ELSE, has_input_example=True))
        [(kind, found)] = self.found(store)
        assert (kind, found.startswith("model_file is {")) == ("evidence", True)
        store.client.delete_logged_model_tag(model_id, MODEL_FILE_TAG)
        assert self.found(store) == [("evidence", "model_file is nothing")]
        self.say(store, model_id, self.ELSE)
        assert self.found(store) == []


def test_with_the_key_a_record_past_the_guard_is_drift(sqlite_store: Store) -> None:
    seal = Seal(b"k" * 32)
    registry = MlflowRegistry(sqlite_store.uri, sqlite_store.uri)
    with Session(registry, policies(), create_manager(), seal=seal) as session:
        serve(sqlite_store, session, "m_sealed")
    connect(sqlite_store).promote("m_sealed", 3, "Production")
    assert scans(sqlite_store)["m_sealed"].clean
    [finding] = scans(sqlite_store, seal=seal)["m_sealed"].findings
    assert "inserted past the guard" in finding.found


# --- what it costs ------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.ci
def test_the_number_of_requests_does_not_grow_with_the_versions(
    http_store: Store, through_proxy: Callable[..., Any]
) -> None:
    """Apart from files, everything is read many at a time."""
    counts = []
    for promoted in (range(1, 3), range(3, 13)):
        with connect(http_store) as session:
            for version in promoted:
                make(http_store, "m_many", 0.6 + version / 100)
                session.promote("m_many", version, "Production")
        with through_proxy(http_store) as (store, proxy):
            session = connect(store)
            proxy.clear()
            [found] = session.drift(files=False)
            counts.append(len(proxy.requests))
        assert (found.findings, found.files, found.versions) == ([], 0, promoted.stop - 1)
    assert counts[0] == counts[1] <= 12, proxy.requests


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_thousand_versions_take_few_requests(
    http_store: Store, through_proxy: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """All promoted in turn, by the database of the server, which takes less time than by requests."""
    database = Store("sqlite", f"sqlite:///{http_store.artifacts.parent}/mlflow.db", http_store.artifacts)
    with connect(database) as session:
        for version in range(1, 1001):
            metrics = {"roc_auc": 0.5 + version / 4000, "log_loss": 0.0}
            make_version(database, "m_many", metrics=metrics, tags={"owner": "ada"})
            session.promote("m_many", version, "Staging")
    http_store.client.set_model_version_tag("m_many", "500", DECISION_TAG, "f" * 32)
    with through_proxy(http_store) as (store, proxy):
        session = connect(store)
        proxy.clear()
        started = time.perf_counter()
        [found] = session.drift(files=False)
        seconds = time.perf_counter() - started
    with capsys.disabled():
        print(f"\n1,000 versions: {len(proxy.requests)} requests, {seconds:.1f} s")
    assert [(f.version, str(f.kind)) for f in found.findings] == [(500, "tag")]
    assert (found.versions, found.records) == (1000, 1000)
    assert len(proxy.requests) <= 20, proxy.requests
