"""`hotpass report`, and the page that is kept with every record."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

import hotpass
from hotpass import api, exhibits
from hotpass.errors import CallError, PromotionDenied
from hotpass.policy.model import PolicySet
from hotpass.registry import kept_files
from support.commands import Hotpass
from support.policies import policy_set
from support.promoters import by_requests
from support.stores import Store
from support.versions import make_version

MODEL = "leads"
CURVE = exhibits.lines("ROC", "fpr", "tpr", [{"name": "challenger", "x": [0, 0.2, 1], "y": [0, 0.7, 1]}])
POLICY = """\
policy: leads
models: [leads]
promotions:
  - to: Staging
    gates:
      - curve
      - metric_threshold: {roc_auc: {at_least: 0.7}}
"""
PLUGIN = f"""\
from typing import ClassVar
from hotpass import Gate, GateResult, hookimpl
from hotpass.verdicts import Verdict


class Curve(Gate):
    \"\"\"Draws a curve.\"\"\"

    name: ClassVar[str] = "curve"
    schema: ClassVar = {{"type": "object", "additionalProperties": False}}

    def explain(self):
        return "a curve"

    def evaluate(self, candidate, now):
        return GateResult(Verdict.PASSED, "drawn", exhibits=[{CURVE!r}])


@hookimpl
def hotpass_gates():
    return [Curve]
"""


@pytest.fixture
def folder(sqlite_store: Store) -> Path:
    """./policies and a plugin whose gate draws, in the folder where the test works."""
    Path("policies").mkdir()
    Path("policies/leads.yaml").write_text(POLICY)
    Path("plugins").mkdir()
    Path("plugins/curve.py").write_text(PLUGIN)
    return Path.cwd()


PLUGINS = ("--plugins", "plugins")


def kept(store: Store, decision: str) -> Path:
    """Where the page of a decision is kept."""
    run = store.client.get_run(decision)
    return Path(run.info.artifact_uri.removeprefix("file://")) / "report.html"


def promoted(run: Hotpass, *, code: int = 0) -> str:
    """Promotes version 1 and gives the id of the record."""
    ran = run("promote", MODEL, 1, "--to", "Staging", *PLUGINS, "--json")
    assert ran.code == code, ran
    return ran.json["id"]


class TestKept:
    def test_with_every_decision_allowed_or_not(
        self, hotpass: Hotpass, sqlite_store: Store, folder: Path
    ) -> None:
        make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.6})
        denied = promoted(hotpass, code=1)
        make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
        allowed = hotpass("promote", MODEL, 2, "--to", "Staging", *PLUGINS, "--json").json["id"]

        for decision, words in ((denied, "Denied"), (allowed, "It was moved to Staging at ")):
            page = kept(sqlite_store, decision).read_text()
            assert words in page
            assert decision in page
            assert "ROC" in page
            assert ">tpr</text>" in page
        assert hotpass("audit", "verify", MODEL).code == 0

    def test_by_requests_too_and_says_how_a_move_ended(self, sqlite_store: Store) -> None:
        make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
        with api.connect(policies=policy_set(), registry_uri=sqlite_store.uri) as session:
            decision = by_requests(session).promote(MODEL, 1, "Staging")

        assert "It was moved to Staging at " in kept(sqlite_store, decision.id).read_text()

    def test_over_http_with_one_request(self, http_store: Store, through_proxy: Any) -> None:
        make_version(http_store, MODEL, metrics={"roc_auc": 0.8})
        with (
            through_proxy(http_store) as (store, proxy),
            api.connect(policies=policy_set(), registry_uri=store.uri, tracking_uri=store.uri) as session,
        ):
            decision = session.promote(MODEL, 1, "Staging")
            sent = [request for request in proxy.requests if "report.html" in request.path]
            found = session.report(decision.id[:8])

        assert [(one.method, one.path.rpartition("/")[2]) for one in sent] == [("PUT", "report.html")]
        assert found.kept
        assert decision.id in found.html

    def test_not_where_it_is_turned_off(
        self, hotpass: Hotpass, sqlite_store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOTPASS_REPORTS", "off")
        make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
        decision = promoted(hotpass)

        assert not kept(sqlite_store, decision).exists()
        ran = hotpass("report", MODEL)
        assert (ran.code, ran.err) == (0, "")
        assert "made again from the record, without curves" in ran.out
        page = Path(f"leads-1-{decision[:8]}.html").read_text()
        assert "Made again from the record, at " in page
        assert "ROC" not in page

    def test_a_word_that_is_neither_on_nor_off_is_refused(
        self, hotpass: Hotpass, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOTPASS_REPORTS", "no")

        ran = hotpass("promote", MODEL, 1, "--to", "Staging")

        assert ran.code == 2
        assert "HOTPASS_REPORTS is 'no'; it can be 'on' or 'off'" in ran.err

    def test_what_keeps_it_from_being_written_is_a_warning_and_no_more(
        self, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})

        def full(*args: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(kept_files, "_put_here", full)
        with caplog.at_level(logging.WARNING, "hotpass"):
            decision = hotpass.promote(MODEL, 1, "Staging", policies=policy_set())

        assert decision.allowed
        assert sqlite_store.client.get_model_version(MODEL, "1").current_stage == "Staging"
        (said,) = [one.getMessage() for one in caplog.records if "report" in one.getMessage()]
        assert said.startswith(f"the report of decision {decision.id} could not be kept")
        assert "No space left on device" in said
        assert "HOTPASS_REPORTS=off" in said


class TestCommand:
    def test_it_writes_the_kept_page_of_the_last_decision(
        self, hotpass: Hotpass, sqlite_store: Store, folder: Path
    ) -> None:
        make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
        decision = promoted(hotpass)

        ran = hotpass("report", MODEL)

        assert ran.out == (
            f"Wrote leads-1-{decision[:8]}.html: leads version 1, None -> Staging, allowed ({decision[:8]}), "
            "as it was kept with the record.\n"
        )
        page = Path(f"leads-1-{decision[:8]}.html").read_text()
        assert page == kept(sqlite_store, decision).read_text()

    def test_it_does_not_write_over_a_file(self, hotpass: Hotpass, sqlite_store: Store, folder: Path) -> None:
        make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
        decision = promoted(hotpass)
        Path("mine.html").write_text("mine")

        refused = hotpass("report", MODEL, "--output", "mine.html")
        assert refused.code == 2
        assert "mine.html exists. Name another --output, or give --force to write over it." in refused.err
        assert Path("mine.html").read_text() == "mine"
        assert hotpass("report", "--decision", decision[:6], "-o", "mine.html", "--force").code == 0
        assert decision in Path("mine.html").read_text()
        assert hotpass("report", MODEL, 1).code == 0
        assert hotpass("report", MODEL, 1).code == 2  # its default name is taken now

    def test_stdout_gets_the_page_and_json_what_was_written(
        self, hotpass: Hotpass, sqlite_store: Store, folder: Path
    ) -> None:
        make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
        decision = promoted(hotpass)

        assert hotpass("report", MODEL, "-o", "-").out == kept(sqlite_store, decision).read_text()
        said = hotpass("report", MODEL, "--output", "page.html", "--json").json
        assert said == {
            "file": str(folder / "page.html"), "bytes": Path("page.html").stat().st_size, "model": MODEL,
            "version": 1, "decision": decision, "outcome": "allowed", "kept": True,
        }  # fmt: skip

    def test_to_judges_now_with_curves_and_writes_nothing_else(
        self, hotpass: Hotpass, sqlite_store: Store, folder: Path
    ) -> None:
        make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.6})

        checked = hotpass("check", MODEL, 1, "--to", "staging", *PLUGINS)
        ran = hotpass("report", MODEL, "latest", "--to", "staging", *PLUGINS)

        assert "\nReport: hotpass report leads 1 --to Staging --plugins plugins\n" in checked.out
        assert ran.code == 0
        assert ran.out == (
            "Wrote leads-1-Staging.html: leads version 1, None -> Staging, would be denied now. "
            "Nothing was written to the registry.\n"
        )
        page = Path("leads-1-Staging.html").read_text()
        assert ">tpr</text>" in page
        assert "nothing of it is on record" in page
        assert "No decision is on record" in hotpass("history", MODEL).out

    def test_from_the_record_passes_over_what_somebody_may_have_changed(
        self, hotpass: Hotpass, sqlite_store: Store, folder: Path
    ) -> None:
        make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.6})
        decision = promoted(hotpass, code=1)
        kept(sqlite_store, decision).write_text("All is well.")

        assert hotpass("report", MODEL, "-o", "-").out == "All is well."
        assert "✘" in hotpass("report", MODEL, "-o", "-", "--from-record").out

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ((), "name a model, or a decision"),
            (("laeds",), "Did you mean 'leads'?"),
            ((MODEL,), "leads has no decision, and only decisions have reports"),
            ((MODEL, 9), "version 9"),
            ((MODEL, "x"), "'x' is not a version"),
            ((MODEL, "--to", "Staging"), "hotpass report leads latest --to Staging"),
            ((MODEL, 1, "--decision", "abcd"), "leave out VERSION and --to"),
            ((MODEL, "--decision", "ab"), "at least 4 characters"),
            ((MODEL, "--decision", "abcdef"), "no record of leads has an id that begins with 'abcdef'"),
            (("--decision", "abcdef"), "no record has an id that begins with 'abcdef'"),
            ((MODEL, 1, "--to", "Stagin", *PLUGINS), "Did you mean Staging?"),
            ((MODEL, 1, "--to", "Staging", "--from-record"), "Leave one out"),
            ((MODEL, 1, "--override", "x"), "--override is for --to"),
            ((MODEL, "-o", "-", "--json"), "do not go together"),
            ((MODEL, "-o", "nowhere/x.html"), "there is no folder nowhere"),
            ((MODEL, "-o", "policies"), "is a folder"),
        ],
    )
    def test_mistakes_are_told_in_one_error(
        self, hotpass: Hotpass, sqlite_store: Store, folder: Path, words: tuple[object, ...], said: str
    ) -> None:
        make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.6})
        with api.connect(policies=PolicySet(), registry_uri=sqlite_store.uri) as session:
            session.adopt(MODEL)

        ran = hotpass("report", *words)

        assert ran.code in (2, 4)
        assert said in ran.err
        assert ran.err.count("Error: ") == 1
        assert not list(folder.glob("*.html"))


class TestLibrary:
    def test_a_refusal_in_hand_is_written_where_one_says(self, sqlite_store: Store, folder: Path) -> None:
        make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.1})
        with pytest.raises(PromotionDenied) as denied:
            hotpass.promote(MODEL, 1, "Staging", policies=policy_set())

        file = hotpass.report(denied.value.decision, "why.html")

        assert file.read_text() == kept(sqlite_store, denied.value.decision.id).read_text()
        assert (
            hotpass.report(denied.value.decision.id[:8]).name
            == f"leads-1-{denied.value.decision.id[:8]}.html"
        )
        with pytest.raises(CallError, match="4 characters"):
            hotpass.report("x")

    def test_what_was_checked_is_drawn_as_it_is(self, sqlite_store: Store, folder: Path) -> None:
        make_version(sqlite_store, MODEL, metrics={"roc_auc": 0.8})
        decision = hotpass.check(MODEL, 1, "Staging", policies="policies", plugins=["plugins"])

        assert ">tpr</text>" in hotpass.report(decision, "page.html").read_text()
