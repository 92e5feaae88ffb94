"""What a gate author tests with."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hotpass.candidate import Approval, Dataset, Metric, Person, Stay
from hotpass.errors import CallError, PluginError
from hotpass.gates import Gate, ParameterError
from hotpass.testing import (
    NOW,
    assert_fails,
    assert_passes,
    assert_verdict,
    assert_waits,
    candidate,
    judge,
    make,
)
from hotpass.verdicts import Verdict, passed


class Counts(Gate):
    """Counts something."""

    name = "counts"
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": False}

    def evaluate(self, candidate, now):
        return passed("counted", n=self.parameters.get("n", 0))


def test_a_candidate_about_which_nothing_is_said_knows_nothing():
    who = candidate()
    assert (who.model, who.version, who.stage, who.to_stage) == (
        "lead_scoring_model",
        2,
        "Staging",
        "Production",
    )
    assert (
        who.metric("roc_auc")
        is who.param("p")
        is who.tag("t")
        is who.tag("t", "run")
        is who.tag("t", "model")
    )
    assert who.metric_names() == []
    assert who.started_at() is None
    assert who.datasets() == ()
    assert list(who.stays()) == []
    assert who.in_stage_since("Staging") is None
    assert who.champion is None
    assert who.trainer() is None
    assert who.registrant() is None
    assert who.requester == Person("unknown")
    assert who.approvals() == ()
    assert who.model_file().inputs is None
    assert not who.model_file().has_input_example
    with pytest.raises(KeyError):
        who.evidence("anything")


def test_people():
    full = Approval("cleo", False, NOW - timedelta(days=1), "seen it", "r1", "ab")
    who = candidate(approvals=["ana", Person("ben"), full], trainer="tom", requester=Person("rita"))
    assert [(given.name, given.authenticated) for given in who.approvals()] == [
        ("ana", True), ("ben", False), ("cleo", False),
    ]  # fmt: skip
    assert who.approvals()[2] == full
    assert (who.trainer(), who.requester) == (Person("tom", True), Person("rita"))
    assert candidate(trainer=Person("tom"), run_tags={"a": "b"}).trainer() == Person("tom")
    assert candidate(trainer="tom", run=False).trainer() is None
    assert candidate(registrant="eve", tags={"a": "b"}).registrant() == Person("eve", True)
    assert candidate(registrant=Person("eve")).registrant() == Person("eve")


def test_every_fact_is_where_a_gate_looks_for_it():
    who = candidate(
        model="m", version=3, stage="canary", to="production", metrics={"a": 0.5}, params={"p": "1"},
        tags={"t": "v"}, run_tags={"t": "r"}, model_tags={"t": "m"}, started_at=NOW,
        datasets=[("d", "ab"), ("e", "cd", "training")],
        in_stage_since=NOW - timedelta(hours=1), signature={"inputs": {"x": "long"}, "outputs": ["y"]},
        input_example=True, evidence={"e": [1]}, description="text",
    )  # fmt: skip
    assert (who.model, who.version, who.stage, who.to_stage) == ("m", 3, "canary", "Production")
    assert who.metric("a") == Metric("a", 0.5, "run")
    assert who.param("p") == "1"
    assert [who.tag("t", on) for on in ("version", "run", "model")] == ["v", "r", "m"]
    assert who.datasets() == (Dataset("d", "ab"), Dataset("e", "cd", "training"))
    assert who.started_at() == NOW
    assert who.in_stage_since("canary") == NOW - timedelta(hours=1)
    assert who.in_stage_since("Staging") is None
    assert who.model_file().inputs == (("x", "long"),)
    assert who.model_file().outputs == (("y", ""),)
    assert who.model_file().has_input_example
    assert who.evidence("e") == [1]
    assert who.facts.description == "text"


def test_a_metric_with_its_data_set_is_on_the_logged_model():
    who = candidate(metrics={"a": Metric("a", 0.5, "logged model", "d", "ab"), "b": 0.7})
    assert who.metric("a", "d").dataset_digest == "ab"
    assert who.metric("a", "e") is None
    assert who.metric("b").source == "run"
    assert who.metric_names() == ["a", "b"]


def test_without_run_or_model_file_there_is_none():
    who = candidate(run=False, model_file=False, metrics={"a": 1.0}, params={"p": "1"}, run_tags={"t": "r"})
    assert who.run() is None
    assert who.metric("a") is None
    assert who.param("p") is None
    assert who.tag("t", "run") is None
    assert who.model_file() is None


def test_stays_give_the_whole_history():
    stays = [Stay("Staging", NOW - timedelta(days=9), NOW, "r1"), Stay("Production", NOW, None, "r2")]
    who = candidate(stage="Production", stays=stays)
    assert who.in_stage_since("Production") == NOW
    assert who.in_stage_since("Staging") is None


def test_the_champion_is_made_of_the_same_facts():
    who = candidate(
        model="m", to="Canary", model_tags={"t": "m"},
        champion={"version": 9, "metrics": {"a": 0.4}, "tags": {"t": "v"}},
    )  # fmt: skip
    champion = who.champion
    assert (champion.model, champion.version, champion.facts.stage) == ("m", 9, "Canary")
    assert champion.metric("a").value == 0.4
    assert champion.tag("t") == "v"
    assert champion.tag("t", "model") == "m"
    assert who.read["champion.metrics.a"] == {"value": 0.4, "source": "run"}
    assert candidate(champion={}).champion.version == 1


def test_a_stage_that_cannot_be_one_is_refused():
    with pytest.raises(CallError, match="is not a stage"):
        candidate(to="not a stage")


def test_judge_gives_the_gate_s_answer():
    result = judge(Counts, {"n": 3}, candidate())
    assert result.verdict is Verdict.PASSED
    assert result.evidence == {"n": 3}


def test_judge_takes_the_name_of_an_installed_gate():
    assert judge("input_example", {}, candidate(input_example=True)).verdict is Verdict.PASSED
    with pytest.raises(
        CallError, match=r"no plugin has a gate 'input_exmaple'; there are approvals, champion"
    ):
        judge("input_exmaple", {}, candidate())


def test_judge_checks_parameters_by_the_schema():
    with pytest.raises(ParameterError) as caught:
        judge(Counts, {"n": "three"}, candidate())
    assert caught.value.path == ("n",)
    assert "counts" in str(caught.value)
    with pytest.raises(ParameterError):
        judge(Counts, {"m": 3}, candidate())


def test_judge_lets_an_exception_through():
    class Broken(Counts):
        """Breaks."""

        def evaluate(self, candidate, now):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        judge(Broken, {}, candidate())


@pytest.mark.parametrize("answer", [None, True, passed("at", at=NOW), passed("nan", n=float("nan"))])
def test_judge_says_what_breaks_the_contract(answer):
    class Odd(Counts):
        """Answers oddly."""

        def evaluate(self, candidate, now):
            return answer

    with pytest.raises(PluginError, match="the gate"):
        judge(Odd, {}, candidate())


def test_make_refuses_a_class_that_breaks_the_contract():
    class Bare(Gate):
        name = "bare"
        schema = {"type": "object"}

        def evaluate(self, candidate, now):
            return passed("yes")

    Bare.__doc__ = ""
    with pytest.raises(PluginError, match="docstring"):
        make(Bare, {})


def test_judge_at_another_time():
    who = candidate(in_stage_since=NOW)
    assert judge("staging_dwell", "24h", who).verdict is Verdict.PENDING
    assert judge("staging_dwell", "24h", who, NOW + timedelta(days=1)).verdict is Verdict.PASSED


def test_an_assertion_gives_the_result_or_says_what_the_gate_read():
    good = candidate(metrics={"roc_auc": 0.8})
    wanted = {"roc_auc": {"at_least": 0.75}}
    assert assert_passes("metric_threshold", wanted, good).evidence
    assert_fails("metric_threshold", wanted, candidate(), match="roc_auc")
    waiting = candidate(in_stage_since=NOW)
    assert assert_waits("staging_dwell", "24h", waiting).passes_at == NOW + timedelta(days=1)
    assert_verdict("error", "approvals", {"at_least": 1, "not_by": ["trainer"]}, candidate())

    with pytest.raises(AssertionError) as caught:
        assert_fails("metric_threshold", wanted, good)
    assert str(caught.value).splitlines() == [
        "metric_threshold said passed, not failed",
        "  message: roc_auc 0.8 is at least 0.75",
        "  it read: ",
        "    metrics.roc_auc: {'value': 0.8, 'source': 'run'}",
    ]
    with pytest.raises(AssertionError, match="nothing in its message matches 'precision'"):
        assert_passes("metric_threshold", wanted, candidate(metrics={"roc_auc": 0.8}), match="precision")
    with pytest.raises(AssertionError, match="it read: nothing"):
        assert_fails(Counts, {}, candidate())


def test_a_candidate_that_serves_by_an_alias():
    assert candidate(aliases=["canary"]).facts.aliases == ("canary",)
