"""Loading by alias, stage and number; what is checked on the way, and what a second call costs."""

from __future__ import annotations

import os
import pickle
import threading
from pathlib import Path

import mlflow
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from hotpass.artifacts import digest_of_folder
from hotpass.errors import ArtifactsChanged, CallError, NotFound
from hotpass.ml import forget_loaded_models, init_mlflow, load_model, load_production_model, loading, log_run
from support.versions import make_version

NAME = "lead_scoring"


@pytest.fixture(autouse=True)
def _nothing_loaded():
    forget_loaded_models()


def register(slope: float = 1.0, name: str = NAME) -> int:
    """The next version: a model whose coefficient is `slope`."""
    model = LogisticRegression().fit(pd.DataFrame({"calls": [1.0, 2.0, 3.0]}), [0, 1, 1])
    model.coef_[0][0] = slope
    return log_run(model, {}, {}, model_name=name).version


def slope_of(model) -> float:
    return float(model.coef_[0][0])


def files_of(store, version: int) -> Path:
    uri = store.client.get_model_version_download_uri(NAME, str(version))
    return Path(uri.removeprefix("file://"))


def test_the_alias_says_which_version_it_is(any_store):
    init_mlflow()
    register(1.5)
    register(2.5)
    any_store.client.set_registered_model_alias(NAME, "production", 1)
    assert slope_of(load_production_model(NAME)) == 1.5
    any_store.client.set_registered_model_alias(NAME, "production", 2)
    assert slope_of(load_production_model(NAME)) == 2.5
    assert load_model(NAME) == load_model(NAME, version="latest")


def test_without_an_alias_the_highest_version_in_the_stage_holds_it(sqlite_store):
    init_mlflow()
    for slope in (1.0, 2.0, 3.0):
        register(slope)
    sqlite_store.client.transition_model_version_stage(NAME, "1", "Production")
    sqlite_store.client.transition_model_version_stage(NAME, "2", "Production")
    assert load_model(NAME)[1:] == (NAME, 2)
    assert slope_of(load_production_model(NAME)) == 2.0


def test_where_there_are_no_stages_the_tag_says_it(alias_only_store):
    init_mlflow()
    register(1.0)
    register(2.0)
    alias_only_store.client.set_model_version_tag(NAME, "1", "hotpass.stage", "Production")
    assert slope_of(load_production_model(NAME)) == 1.0


def test_other_stages_and_numbers(sqlite_store):
    init_mlflow()
    for slope in (1.0, 2.0, 3.0):
        register(slope)
    sqlite_store.client.set_registered_model_alias(NAME, "staging", 2)
    sqlite_store.client.transition_model_version_stage(NAME, "1", "Archived")
    assert slope_of(load_production_model(NAME, stage="staging")) == 2.0
    assert slope_of(load_production_model(NAME, stage="Archived")) == 1.0
    assert slope_of(load_model(NAME, version=3).model) == 3.0
    assert slope_of(load_model(NAME, version="1").model) == 1.0


def test_what_is_not_there_is_answered_with_what_is(sqlite_store):
    init_mlflow()
    register()
    register()
    sqlite_store.client.transition_model_version_stage(NAME, "1", "Staging")
    with pytest.raises(NotFound, match=r"no version in Production. It has: 2 \(None\), 1 \(Staging\)"):
        load_production_model(NAME)
    with pytest.raises(NotFound, match="Did you mean 'lead_scoring'"):
        load_production_model("lead_scorin")
    with pytest.raises(NotFound, match=r"has no version 7\. It has: 2, 1"):
        load_model(NAME, version=7)
    with pytest.raises(CallError, match="neither a number nor 'latest'"):
        load_model(NAME, version="newest")
    sqlite_store.client.create_registered_model("empty")
    for wanted in ({}, {"version": "latest"}):
        with pytest.raises(NotFound, match="'empty' has no version yet"):
            load_model("empty", **wanted)


def test_a_second_call_is_one_request(http_store, through_proxy):
    init_mlflow()
    register()
    http_store.client.set_registered_model_alias(NAME, "production", 1)
    with through_proxy(http_store) as (_, proxy):
        first = load_production_model(NAME)
        before = len(proxy.requests)
        assert load_production_model(NAME) is first
        assert len(proxy.requests) - before == 1, proxy.requests[before:]


def test_files_that_changed_are_not_loaded(sqlite_store):
    init_mlflow()
    register()
    sqlite_store.client.set_registered_model_alias(NAME, "production", 1)
    requirements = files_of(sqlite_store, 1) / "requirements.txt"
    requirements.write_text(requirements.read_text() + "\n")
    with pytest.raises(
        ArtifactsChanged, match=r"files of lead_scoring version 1 have changed.*hotpass rollback"
    ):
        load_production_model(NAME)


def test_a_file_that_was_added_or_taken_away_is_a_change(sqlite_store):
    init_mlflow()
    register()
    (files_of(sqlite_store, 1) / "conda.yaml").unlink()
    with pytest.raises(ArtifactsChanged):
        load_model(NAME, version=1)
    register()
    (files_of(sqlite_store, 2) / "more.txt").write_text("more")
    with pytest.raises(ArtifactsChanged):
        load_model(NAME, version=2)


def test_what_mlflow_leaves_beside_the_files_is_no_change(sqlite_store):
    init_mlflow()
    register()
    mlflow.sklearn.load_model(f"models:/{NAME}/1")
    assert (files_of(sqlite_store, 1) / "registered_model_meta").exists()
    assert load_model(NAME, version=1).version == 1


def test_a_model_that_was_deleted_and_made_again_is_not_taken_from_memory(sqlite_store):
    init_mlflow()
    register(1.0)
    assert slope_of(load_model(NAME, version=1).model) == 1.0
    sqlite_store.client.delete_registered_model(NAME)
    register(9.0)
    assert slope_of(load_model(NAME, version=1).model) == 9.0


def test_two_stores_with_the_same_names_are_not_mixed_up(sqlite_store, tmp_path):
    from hotpass.ml import MLflowConfig

    init_mlflow()
    register(1.0)
    here = sqlite_store.uri
    init_mlflow(
        MLflowConfig(
            tracking_uri=f"sqlite:///{tmp_path}/other.db", registry_uri=f"sqlite:///{tmp_path}/other.db"
        )
    )
    register(2.0)
    assert slope_of(load_model(NAME, version=1).model) == 2.0
    assert slope_of(load_model(NAME, version=1, tracking_uri=here, registry_uri=here).model) == 1.0


def test_threads_that_want_the_same_model_wait_for_one_load(sqlite_store, monkeypatch):
    init_mlflow()
    register()
    loads = []
    real = loading._from_files
    gate = threading.Barrier(8)

    def counted(*args):
        loads.append(args)
        return real(*args)

    monkeypatch.setattr(loading, "_from_files", counted)
    models = []

    def work():
        gate.wait()
        models.append(load_model(NAME, version=1).model)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert len(models) == 8
    assert all(model is models[0] for model in models)


def test_a_load_that_fails_is_tried_again(sqlite_store):
    init_mlflow()
    register()
    extra = files_of(sqlite_store, 1) / "more.txt"
    extra.write_text("more")
    for _ in range(2):
        with pytest.raises(ArtifactsChanged):
            load_model(NAME, version=1)
    extra.unlink()
    assert load_model(NAME, version=1).version == 1


def test_only_so_many_models_are_kept():
    kept = loading._Loaded(2)
    loaded = []
    for key in ("a", "b", "a", "c", "a", "b"):
        kept.get(key, lambda key=key: loaded.append(key))
    assert loaded == ["a", "b", "c", "b"]


def test_cloudpickle_is_loaded_only_where_the_loader_asks_for_it(sqlite_store):
    init_mlflow()
    model = make_pipeline(FunctionTransformer(lambda rows: rows), LogisticRegression())
    model.fit(pd.DataFrame({"calls": [1.0, 2.0, 3.0]}), [0, 1, 1])
    log_run(model, {}, {}, model_name=NAME, allow_cloudpickle=True)
    with pytest.raises(CallError, match=r"runs whatever its file says(.|\n)*allow_cloudpickle=True"):
        load_model(NAME, version=1)
    assert load_model(NAME, version=1, allow_cloudpickle=True).model.classes_.tolist() == [0, 1]

    forget_loaded_models()
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    with pytest.raises(CallError, match="MLFLOW_ALLOW_PICKLE_DESERIALIZATION forbids"):
        load_model(NAME, version=1, allow_cloudpickle=True)


class Marks:
    """Creates a file wherever it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def test_whoever_registers_a_version_cannot_opt_in_for_the_loader(sqlite_store, tmp_path):
    folder, marker = tmp_path / "crafted", tmp_path / "marker"
    folder.mkdir()
    flavor = {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"}
    (folder / "MLmodel").write_text(yaml.safe_dump({"flavors": {"sklearn": flavor}}))
    (folder / "model.pkl").write_bytes(pickle.dumps(Marks(marker)))
    client = sqlite_store.client
    client.create_registered_model(NAME)
    tags = {"hotpass.artifact_digest": digest_of_folder(folder), "hotpass.serialization": "cloudpickle"}
    client.create_model_version(NAME, folder.as_uri(), tags=tags)
    client.set_registered_model_alias(NAME, "production", 1)
    with pytest.raises(CallError, match="stored with cloudpickle"):
        load_production_model(NAME)
    assert not marker.exists()


def test_a_version_without_a_loadable_model_is_one_error(sqlite_store):
    make_version(sqlite_store, NAME)
    from hotpass.errors import RegistryError

    with pytest.raises(RegistryError, match="its model file cannot be read"):
        load_model(NAME, version=1)
