"""What may be stored and read back, and what may not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import skops.io
import yaml
from sklearn import (
    calibration,
    discriminant_analysis,
    ensemble,
    linear_model,
    naive_bayes,
    neighbors,
    neural_network,
    tree,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from hotpass.errors import CallError, RegistryError
from hotpass.ml.serialization import choose_format, load_folder
from hotpass.requests import TrainingRequest
from hotpass_training.trainer import train
from support.leads import made_up

CLASSIFIERS = [
    "logistic_regression",
    "gradient_boosting",
    tree.DecisionTreeClassifier(max_depth=3),
    ensemble.RandomForestClassifier(5, max_depth=3),
    ensemble.ExtraTreesClassifier(5, max_depth=3),
    ensemble.GradientBoostingClassifier(n_estimators=5),
    ensemble.GradientBoostingClassifier(n_estimators=5, loss="exponential"),
    ensemble.AdaBoostClassifier(n_estimators=5),
    ensemble.BaggingClassifier(n_estimators=3, max_features=0.5),
    ensemble.VotingClassifier(
        [("a", linear_model.LogisticRegression()), ("b", naive_bayes.GaussianNB())], voting="soft"
    ),
    ensemble.StackingClassifier(
        [("a", linear_model.LogisticRegression()), ("b", tree.DecisionTreeClassifier())]
    ),
    calibration.CalibratedClassifierCV(ensemble.RandomForestClassifier(3), cv=2),
    calibration.CalibratedClassifierCV(naive_bayes.GaussianNB(), cv=2, method="isotonic"),
    neural_network.MLPClassifier((4,), max_iter=20),
    neural_network.MLPClassifier((4,), max_iter=20, solver="sgd"),
    neighbors.KNeighborsClassifier(algorithm="brute"),
    discriminant_analysis.LinearDiscriminantAnalysis(),
]


def store(model, folder: Path, trusted=(), **flavor) -> Path:
    """`folder` as MLflow writes it for a scikit-learn model in skops format."""
    folder.mkdir(exist_ok=True)
    skops.io.dump(model, folder / "model.skops")
    content = {
        "pickled_model": "model.skops",
        "serialization_format": "skops",
        "skops_trusted_types": list(trusted),
    }
    (folder / "MLmodel").write_text(yaml.safe_dump({"flavors": {"sklearn": {**content, **flavor}}}))
    return folder


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "estimator", CLASSIFIERS, ids=lambda e: e if isinstance(e, str) else type(e).__name__
)
def test_a_pipeline_with_gaps_and_categories_goes_there_and_back(estimator, tmp_path):
    dataset = made_up(200)
    model = train(TrainingRequest(dataset, "won", estimator=estimator)).model
    stored_as = choose_format(model)
    assert stored_as.name == "skops"
    back = load_folder(store(model, tmp_path / "model", stored_as.trusted_types), "it")
    rows = dataset.drop(columns="won").astype({"calls": float})
    np.testing.assert_array_equal(back.predict_proba(rows), model.predict_proba(rows))


def test_types_outside_the_list_are_named_with_both_ways_out():
    model = make_pipeline(FunctionTransformer(os.getcwd), linear_model.LogisticRegression())
    with pytest.raises(
        CallError, match=r"posix\.getcwd.*\n.*trusted_types=\['posix\.getcwd'\].*allow_cloudpickle=True"
    ):
        choose_format(model)
    assert choose_format(model, ["posix.getcwd"]).trusted_types == ("posix.getcwd",)
    assert choose_format(model, allow_cloudpickle=True).name == "cloudpickle"


def test_a_lambda_cannot_be_stored_safely():
    model = make_pipeline(FunctionTransformer(lambda x: x), linear_model.LogisticRegression())
    with pytest.raises(CallError, match="allow_cloudpickle=True"):
        choose_format(model)


def test_a_file_cannot_trust_itself(tmp_path):
    model = make_pipeline(FunctionTransformer(os.getcwd), linear_model.LogisticRegression())
    folder = store(model, tmp_path / "model", ["posix.getcwd"])
    with pytest.raises(CallError, match=r"it holds types outside the reviewed list: posix\.getcwd"):
        load_folder(folder, "it")
    assert load_folder(folder, "it", ["posix.getcwd"]).steps[0][1].func is os.getcwd


def test_a_model_file_outside_of_the_folder_is_not_read(tmp_path):
    skops.io.dump(linear_model.LogisticRegression(), tmp_path / "outside.skops")
    folder = store(linear_model.LogisticRegression(), tmp_path / "model", pickled_model="../outside.skops")
    with pytest.raises(RegistryError, match="names a model file that is not there"):
        load_folder(folder, "it")


@pytest.mark.parametrize("text", ["", "flavors: 3", "[", "{}", "flavors: !!python/object/apply:os.getcwd []"])
def test_a_broken_mlmodel_file_is_one_error(text, tmp_path):
    folder = store(linear_model.LogisticRegression(), tmp_path / "model")
    (folder / "MLmodel").write_text(text)
    with pytest.raises((RegistryError, CallError), match="it"):
        load_folder(folder, "it")


def test_a_broken_model_file_is_one_error(tmp_path):
    folder = store(linear_model.LogisticRegression(), tmp_path / "model")
    (folder / "model.skops").write_bytes(b"PK not a zip")
    with pytest.raises(RegistryError, match="it: its model file cannot be read"):
        load_folder(folder, "it")


def test_another_flavor_is_named(tmp_path):
    folder = store(linear_model.LogisticRegression(), tmp_path / "model")
    (folder / "MLmodel").write_text("flavors: {xgboost: {}, python_function: {}}")
    with pytest.raises(CallError, match=r"not a scikit-learn model \(its flavors: python_function, xgboost"):
        load_folder(folder, "it")


@pytest.mark.parametrize(
    "estimator", [tree.DecisionTreeClassifier(), ensemble.HistGradientBoostingClassifier()]
)
@pytest.mark.parametrize(
    ("field", "value"),
    [("left", -7), ("left", 10_000), ("left", 0), ("feature", 9), ("feature", -5)],
)
def test_a_tree_that_points_anywhere_else_is_refused(estimator, field, value, tmp_path):
    dataset = made_up(300)
    model = estimator.fit(dataset[["calls"]].to_numpy(float), dataset["won"])
    folder = store(model, tmp_path / "model")
    assert load_folder(folder, "it").classes_.tolist() == [0, 1]

    if isinstance(model, tree.DecisionTreeClassifier):
        state = model.tree_.__getstate__()
        state["nodes"][{"left": "left_child"}.get(field, field)][0] = value
        model.tree_.__setstate__(state)
    else:
        nodes = model._predictors[0][0].nodes
        name = {"feature": "feature_idx"}.get(field, field)
        nodes[name][0] = np.array(value).astype(nodes.dtype[name])
    with pytest.raises(RegistryError, match="damaged or crafted tree"):
        load_folder(store(model, folder), "it")


def test_the_columns_of_the_whole_forest_count(tmp_path):
    """A file in which one tree claims more columns than the forest is given."""
    dataset = made_up(300)
    rows = np.column_stack([dataset["calls"], dataset["calls"] % 2, dataset["calls"] % 3]).astype(float)
    forest = ensemble.RandomForestClassifier(3, random_state=0).fit(rows, dataset["won"])
    folder = store(forest, tmp_path / "model")
    load_folder(folder, "it")
    forest.n_features_in_ = 1
    with pytest.raises(RegistryError, match="made for other columns than its ensemble"):
        load_folder(store(forest, folder), "it")
