"""What a candidate finds where, and what it remembers of it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from hotpass.candidate import Approval, Candidate, LoggedModelFacts, Metric, Person, RunFacts, VersionFacts
from hotpass.people import created_by, registered_by
from hotpass.testing import NOW, PlainSources, candidate

FACTS = VersionFacts("m", 2, 0, "Staging")


def with_metrics(logged=(), run=None, datasets=()):
    sources = PlainSources(
        run_facts=RunFacts("r", metrics=run or {}, datasets=tuple(datasets)),
        logged_model_facts=LoggedModelFacts("m-1", metrics=tuple(logged)),
    )
    return Candidate(FACTS, sources, "Production")


def on_model(value, dataset="", digest=""):
    return Metric("roc_auc", value, "logged model", dataset, digest)


def test_a_metric_is_looked_up_on_the_logged_model_first_and_its_newest_value_counts():
    who = with_metrics([on_model(0.1), on_model(0.2)], {"roc_auc": 0.3})
    assert who.metric("roc_auc").value == 0.2
    assert who.read == {"metrics.roc_auc": {"value": 0.2, "source": "logged model"}}
    assert with_metrics([], {"roc_auc": 0.3}).metric("roc_auc").source == "run"


def test_with_a_data_set_the_newest_value_on_it_counts():
    who = with_metrics([on_model(0.1, "val", "aa"), on_model(0.2, "test", "bb")])
    assert who.metric("roc_auc", "val").value == 0.1
    assert who.metric("roc_auc", "train") is None
    assert who.read == {
        "metrics.roc_auc@val": {
            "value": 0.1, "source": "logged model", "dataset": "val", "dataset_digest": "aa",
        },
        "metrics.roc_auc@train": None,
    }  # fmt: skip


def test_a_metric_of_a_run_is_on_a_data_set_only_where_the_run_has_exactly_one():
    one = candidate(metrics={"a": 0.5}, datasets=[("val", "aa")])
    assert one.metric("a", "val").dataset_digest == "aa"
    assert one.metric("a", "train") is None
    two = candidate(metrics={"a": 0.5}, datasets=[("val", "aa"), ("train", "bb")])
    assert two.metric("a", "val") is None
    assert two.metric("a").dataset == ""


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_lacks_is_remembered_by_its_name(value):
    who = candidate(metrics={"a": value})
    who.metric("a")
    assert who.read["metrics.a"]["value"] == str(value)


def test_what_was_looked_for_and_not_found_is_remembered_too():
    who = candidate(run=False, model_file=False)
    who.metric("a")
    who.tag("owner", "run")
    who.param("p")
    who.run()
    who.started_at()
    who.model_file()
    assert who.champion is None
    assert who.read == {
        "metrics.a": None, "run.tags.owner": None, "params.p": None, "run": None, "run.started_at": None,
        "model_file": None, "champion": None,
    }  # fmt: skip


def test_everything_read_is_remembered_as_json():
    who = candidate(
        tags={"t": "v"}, datasets=[("d", "aa", "training")], started_at=NOW, in_stage_since=NOW,
        signature={"inputs": {"x": "long"}}, evidence={"e": {"n": 1}},
    )  # fmt: skip
    for _ in range(2):
        who.tag("t")
        who.datasets()
        who.started_at()
        who.in_stage_since("Staging")
        who.model_file()
        who.evidence("e")
    assert who.read == {
        "version.tags.t": "v",
        "datasets": [{"name": "d", "digest": "aa", "context": "training"}],
        "run.started_at": NOW.isoformat(),
        "stays": [["Staging", NOW.isoformat(), None]],
        "model_file": {"inputs": [["x", "long"]], "outputs": None, "input_example": False, "source": "file"},
        "evidence.e": {"n": 1},
    }


@pytest.mark.parametrize("supplied", [{1, 2}, math.nan, NOW, {"a": b""}, {1: 2}])
def test_evidence_that_the_record_cannot_hold_is_refused(supplied):
    who = candidate(evidence={"e": supplied})
    with pytest.raises(TypeError, match="the evidence 'e' is not JSON"):
        who.evidence("e")
    assert who.read == {}


def test_tags_are_on_the_version_its_run_or_the_model_and_nowhere_else():
    with pytest.raises(ValueError, match="not on 'champion'"):
        candidate().tag("t", "champion")


def test_asking_for_the_champion_s_number_is_not_reading_it():
    who = candidate(champion={"version": 5})
    assert who.champion_version == 5
    assert not who.read_champion
    assert who.read == {}
    assert who.champion.version == 5
    assert who.read_champion
    assert candidate().champion_version is None


def test_the_trainer_is_whom_a_guarded_server_names_before_whom_mlflow_names():
    tags = {"hotpass.created_by": "tom", "mlflow.user": "root"}
    who = candidate(run_tags=tags)
    assert who.trainer() == Person("tom", authenticated=True)
    assert who.read == {"trainer": {"name": "tom", "authenticated": True}}
    assert candidate(run_tags={"mlflow.user": "root"}).trainer() == Person("root")
    nobody = candidate(tags=tags, model_tags=tags, run_tags={"hotpass.created_by": ""})
    assert nobody.trainer() is None, "what is said elsewhere is anybody's word"
    assert nobody.read == {"trainer": None}


def test_who_registered_it_is_whom_a_guarded_server_names_on_the_version():
    who = candidate(tags={"hotpass.registered_by": "eve"}, run_tags={"hotpass.created_by": "tom"})
    assert who.registrant() == Person("eve", authenticated=True)
    assert who.read == {"registrant": {"name": "eve", "authenticated": True}}
    elsewhere = {"hotpass.registered_by": "eve"}
    nobody = candidate(run_tags=elsewhere, model_tags=elsewhere)
    assert nobody.registrant() is None
    assert nobody.read == {"registrant": None}


SEALED_RUN = {"hotpass.created_by": "tom", "hotpass.created_by.seal": f"seal of {created_by('r1', 'tom')}"}
SEALED = {
    "hotpass.registered_by": "eve",
    "hotpass.registered_by.seal": f"seal of {registered_by(FACTS, 'eve')}",
}


def behind_a_key(run_tags=SEALED_RUN, tags=SEALED, run_id="r1", **facts):
    sources = PlainSources(RunFacts(run_id, tags=run_tags))
    return Candidate(
        replace(FACTS, tags=tags, **facts), sources, "Production",
        proves=lambda text, seal: seal == f"seal of {text}",
    )  # fmt: skip


def test_behind_a_key_a_seal_proves_who_trained_and_who_registered_it():
    who = behind_a_key()
    assert (who.trainer(), who.registrant()) == (Person("tom", True), Person("eve", True))


@pytest.mark.parametrize(
    "who",
    [
        behind_a_key(run_tags={"hotpass.created_by": "tom"}),
        behind_a_key(run_tags={**SEALED_RUN, "hotpass.created_by.seal": "f" * 64}),
        behind_a_key(run_id="r2"),
    ],
    ids=["no seal", "another seal", "copied to another run"],
)
def test_behind_a_key_who_trained_is_only_claimed_without_its_seal(who):
    assert who.trainer() == Person("tom")
    assert who.read == {"trainer": {"name": "tom", "authenticated": False}}
    assert behind_a_key(run_tags={**SEALED_RUN, "hotpass.created_by": "ana"}).trainer() == Person("ana")


@pytest.mark.parametrize(
    "who",
    [
        behind_a_key(tags={"hotpass.registered_by": "eve"}),
        behind_a_key(tags={**SEALED, "hotpass.registered_by.seal": "f" * 64}),
        *(behind_a_key(**other) for other in (
            {"model": "other"}, {"version": 9}, {"created_at_ms": 9}, {"workspace": "other"}
        )),
    ],
)  # fmt: skip
def test_behind_a_key_who_registered_it_is_only_claimed_without_its_seal(who):
    assert who.registrant() == Person("eve")
    assert who.read == {"registrant": {"name": "eve", "authenticated": False}}
    assert behind_a_key(tags={**SEALED, "hotpass.registered_by": "ana"}).registrant() == Person("ana")


def test_approvals_are_loaded_once_and_when_asked_for():
    loads = []

    def load():
        loads.append(1)
        return [Approval("ana", True, NOW, "good", "r1", "ab")]

    who = Candidate(FACTS, PlainSources(), "Production", requester=Person("rita"), approvals=load)
    assert (loads, who.read) == ([], {})
    assert who.approvals() == who.approvals()
    assert loads == [1]
    assert who.requester == Person("rita")
    assert who.read == {
        "approvals": [
            {"name": "ana", "authenticated": True, "at": NOW.isoformat(), "record": "r1"},
        ],
        "requester": {"name": "rita", "authenticated": False},
    }
