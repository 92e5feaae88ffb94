"""Gates that measure: what they get to read, once and as it is on record, and where something stands in for
them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import hotpass
from hotpass import api
from hotpass.candidate import NotAtHand
from hotpass.errors import ArtifactsChanged, RegistryError
from hotpass.facts import PastDecision
from hotpass.registry.mlflow_registry import MlflowRegistry
from hotpass.session import Session
from hotpass.shelf import Shelf
from hotpass.testing import candidate, judge
from hotpass.verdicts import GateResult, Outcome, Verdict
from support.commands import Hotpass
from support.stores import Store
from support.versions import make_version

GATE = """
from pathlib import Path
from hotpass import hookimpl, passed, failed
from hotpass.gates import MeasuringGate

class Weigh(MeasuringGate):
    '''The model's files weigh something, and the run keeps a note.'''

    name = "weigh"
    schema = {"type": "object", "properties": {}, "additionalProperties": False}

    def measure(self, candidate, now):
        with Path("asked.txt").open("a") as log:
            print(candidate.version, file=log)
        folder, digest = candidate.files()
        again = candidate.files()
        assert again == (folder, digest)
        note = candidate.artifact("notes/note.txt")
        champion = candidate.champion
        theirs = champion.files() if champion else None
        earlier = [[past.identity.version, past.outcome, past.moved] for past in candidate.earlier()]
        (candidate.scratch() / "result").write_text(digest)
        return (passed if note else failed)(
            "weighed",
            files=sorted(path.name for path in Path(folder).iterdir()),
            apart=theirs is None or theirs.path != folder,
            digest=digest,
            theirs=theirs.digest if theirs else None,
            note=note.read_text() if note else None,
            nothing=candidate.artifact("notes/no.txt") is None,
            earlier=earlier,
            scratch=str(candidate.scratch()),
        )

@hookimpl
def hotpass_gates():
    return [Weigh]
"""
POLICY = """\
policy: weighed
models: ["m_*"]
promotions:
  - to: Production
    gates: [weigh]
"""
MODEL = "m_weighed"


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in {"gates/weigh.py": GATE, "policies/weighed.yaml": POLICY}.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    return tmp_path


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Hotpass:
    return Hotpass(capsys)


def connect(store: Store) -> Session:
    return api.connect(tracking_uri=store.uri, policies="policies", plugins=["gates"])


def make(store: Store, note: str | None = "a note") -> int:
    version = make_version(store, MODEL, metrics={"roc_auc": 0.8})
    if note is not None:
        run_id = store.client.get_model_version(MODEL, str(version)).run_id
        store.client.log_text(run_id, note, "notes/note.txt")
    return version


def evidence(decision: hotpass.Decision) -> dict[str, Any]:
    [judgement] = decision.judgements
    return dict(judgement.result.evidence)


@pytest.mark.parametrize("kind", ["sqlite", "http"])
def test_a_gate_gets_files_artifacts_and_the_past(
    kind: str, request: pytest.FixtureRequest, folders: Path
) -> None:
    store: Store = request.getfixturevalue(f"{kind}_store")
    first, second, third = make(store), make(store, None), make(store, "third")
    with connect(store) as session:
        found = evidence(session.promote(MODEL, first, "Production"))
        assert "MLmodel" in found["files"]
        assert (found["note"], found["nothing"], found["theirs"]) == ("a note", True, None)
        assert found["earlier"] == []
        with pytest.raises(hotpass.PromotionDenied) as denied:
            session.promote(MODEL, second, "Production")
        found = evidence(denied.value.decision)
        assert found["note"] is None
        assert found["earlier"] == [[first, "allowed", True]]
        decision = session.promote(MODEL, third, "Production")
        found = evidence(decision)
        assert found["earlier"] == [[first, "allowed", True], [second, "denied", False]]
        assert found["apart"]
        # The decision is bound to the very files that the gate read.
        assert found["digest"] == decision.identity.artifact_digest
        assert decision.evidence is not None
        assert decision.evidence["files"] == found["digest"]
        assert decision.evidence["champion.files"] == found["theirs"] != found["digest"]
        assert Path(found["scratch"]).is_dir()
    assert not Path(found["scratch"]).exists()  # the session took its copies with it


def test_files_that_were_changed_are_not_measured(sqlite_store: Store, folders: Path) -> None:
    version = make(sqlite_store)
    with connect(sqlite_store) as session:
        session.promote(MODEL, version, "Production")
    registry = MlflowRegistry(sqlite_store.uri)
    facts = registry.version(MODEL, version)
    place = Path(registry.logged_models([facts.model_id])[facts.model_id].artifact_location)
    file = next(place.rglob("MLmodel"))
    file.write_text(file.read_text() + "\n# touched\n")
    with connect(sqlite_store) as session, pytest.raises(ArtifactsChanged, match="have changed"):
        session.check(MODEL, version, "Production")


def test_a_scan_and_a_backtest_do_not_measure_again(
    sqlite_store: Store, folders: Path, command: Hotpass
) -> None:
    version = make(sqlite_store)
    with connect(sqlite_store) as session:
        session.promote(MODEL, version, "Production")
    before = Path("asked.txt").read_text()
    with connect(sqlite_store) as session:
        [one] = session.rejudge().judged
    assert one.passes
    assert one.decision is not None
    assert "weighed (measured when it was promoted)" in one.decision.judgements[0].result.message
    answer = command("policy", "backtest", "--plugins", "gates", "--since", "1d", "--json")
    [case] = answer.json["cases"]
    assert case["now"]["outcome"] == "inconclusive"
    assert "not looked at: weigh is not run here" in str(case["now"])
    assert Path("asked.txt").read_text() == before


def test_a_version_that_was_never_measured_does_not_pass_a_scan(sqlite_store: Store, folders: Path) -> None:
    version = make(sqlite_store)
    with api.connect(tracking_uri=sqlite_store.uri) as session:
        session.promote(MODEL, version, "Staging")
        session.promote(MODEL, version, "Production")
    with connect(sqlite_store) as session:
        [one] = session.rejudge().judged
    assert not one.passes
    assert one.decision is not None
    assert "nothing says what it found" in one.decision.judgements[0].result.message
    assert not Path("asked.txt").exists()


CASES = """
cases:
  - case: good
    to: Production
    measured: {weigh: passed}
    expect: {outcome: allowed}
  - case: not settled
    to: Production
    measured: {weigh: inconclusive}
    expect: {outcome: inconclusive, verdicts: {weigh: inconclusive}}
  - case: nobody says
    to: Production
    expect: {outcome: denied, verdicts: {weigh: error}, message: "a case says it under `measured:`"}
"""


def test_a_case_says_what_is_measured(folders: Path, command: Hotpass) -> None:
    Path("policies/weighed.cases.yaml").write_text(CASES)
    answer = command("policy", "test", "--plugins", "gates")
    assert answer.code == 0, answer.out + answer.err
    assert not Path("asked.txt").exists()
    Path("policies/weighed.cases.yaml").write_text(CASES.replace("weigh: passed", "wiegh: passed"))
    answer = command("policy", "test", "--plugins", "gates")
    assert answer.code == 2
    assert "the policy has no gate 'wiegh' that measures" in answer.out + answer.err
    assert "Those that do are weigh" in answer.out + answer.err


class Looks(hotpass.MeasuringGate):
    """Looks at the files."""

    name = "looks"
    schema = {"type": "object"}

    def measure(self, candidate: hotpass.Candidate, now: Any) -> GateResult:
        return hotpass.passed(candidate.files().digest, earlier=len(candidate.earlier()))


def test_a_candidate_of_plain_folders(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("flavors: {}")
    past = candidate(version=1).facts.identity()
    decision = PastDecision("r", candidate().facts, past, "Production", "denied", False, None, False, ())  # type: ignore[arg-type]
    subject = candidate(files=tmp_path, earlier=[decision], artifacts={"a/b": tmp_path / "MLmodel"})
    result = judge(Looks, {}, subject)
    assert result.verdict is Verdict.PASSED
    assert result.evidence["earlier"] == 1
    assert subject.read["files"] == result.message
    assert subject.artifact("a/b") == tmp_path / "MLmodel"
    with pytest.raises(NotAtHand):
        judge(Looks, {}, candidate())
    said = judge(Looks, {}, candidate(measured={"looks": "failed"}))
    assert said.verdict is Verdict.FAILED


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../b", ""])
def test_artifacts_outside_of_the_run_are_not_read(sqlite_store: Store, path: str, tmp_path: Path) -> None:
    version = make(sqlite_store)
    registry = MlflowRegistry(sqlite_store.uri)
    with pytest.raises(hotpass.CallError, match="is not a path among a run's artifacts"):
        registry.run_artifact(registry.version(MODEL, version).run_id, path, tmp_path)


def test_data_sets_and_uris(sqlite_store: Store, tmp_path: Path) -> None:
    import mlflow
    import pandas as pd

    file = tmp_path / "rows.csv"
    file.write_text("a,b\n1,2\n")
    with mlflow.start_run() as run:
        frame = pd.read_csv(file)
        mlflow.log_input(mlflow.data.from_pandas(frame, source=str(file), name="rows"), context="training")
        mlflow.log_input(mlflow.data.from_pandas(frame, name="of code"), context="validation")
        mlflow.log_text("here", "deep/down.txt")
    registry = MlflowRegistry(sqlite_store.uri)
    copies = tmp_path / "copies"
    copies.mkdir()
    for name, context in (("rows", None), (None, "training"), ("rows", "training")):
        found = registry.dataset_file(run.info.run_id, name, context, copies)
        assert found is not None
        assert found.read_text() == file.read_text()
    assert registry.dataset_file(run.info.run_id, "rows", "validation", copies) is None
    assert registry.dataset_file(run.info.run_id, "of code", None, copies) is None
    assert registry.fetch(f"runs:/{run.info.run_id}/deep/down.txt", copies).read_text() == "here"
    assert registry.fetch(file.as_uri(), copies).read_text() == file.read_text()
    with pytest.raises(RegistryError, match=r"no\.txt"):
        registry.fetch(f"runs:/{run.info.run_id}/deep/no.txt", copies)
    # A guard opens no place that only a client's run names.
    with pytest.raises(NotAtHand, match="a guarded server does not open"):
        MlflowRegistry(sqlite_store.uri, trust_tags=False).dataset_file(run.info.run_id, "rows", None, copies)


def test_a_measuring_gate_that_is_not_settled_is_not_promoted(sqlite_store: Store, folders: Path) -> None:
    Path("gates/weigh.py").write_text(GATE.replace("(passed if note else failed)(", "inconclusive(").replace(
        "passed, failed", "inconclusive"))  # fmt: skip
    with connect(sqlite_store) as session, pytest.raises(hotpass.PromotionPending) as raised:
        session.promote(MODEL, make(sqlite_store), "Production")
    assert raised.value.decision.outcome is Outcome.INCONCLUSIVE


def test_a_session_that_keeps_no_files_lets_them_go_after_each_decision(
    sqlite_store: Store, folders: Path
) -> None:
    version = make(sqlite_store)
    with connect(sqlite_store) as kept:
        assert Path(evidence(kept.check(MODEL, version, "Production"))["scratch"]).is_dir()
        session = Session(kept.registry, kept.policies, kept.manager, keep_files=False)
        found = evidence(session.check(MODEL, version, "Production"))
        assert found["note"] == "a note"
        assert not Path(found["scratch"]).exists()
        found = evidence(session.promote(MODEL, version, "Production"))
        assert not Path(found["scratch"]).exists()


def test_copies_that_were_written_into_are_not_handed_out_again(sqlite_store: Store, tmp_path: Path) -> None:
    version = make(sqlite_store)
    registry = MlflowRegistry(sqlite_store.uri)
    facts = registry.version(MODEL, version)
    shelf = Shelf(registry)
    files = shelf.files(facts)
    assert shelf.files(facts) == files
    note = shelf.artifact(facts.run_id, "notes/note.txt")
    assert note is not None
    for copy in (files.path / "MLmodel", note):
        before = copy.read_bytes()
        copy.write_bytes(before + b"more")
        with pytest.raises(ArtifactsChanged, match="somebody wrote into the copy"):
            shelf.files(facts) if copy.name == "MLmodel" else shelf.artifact(facts.run_id, "notes/note.txt")
        copy.write_bytes(before)
    (files.path / "more.pkl").write_bytes(b"")
    with pytest.raises(ArtifactsChanged):
        shelf.files(facts)
    shelf.close()
    assert not files.path.exists()
