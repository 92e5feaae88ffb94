"""What is found in the files of a model, by their bytes: every way to hide code, and nothing in honest
models.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import shutil
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

from hotpass_evaluation.work.serialization import run


class Evil:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return print, ("run",)


#: Imports and calls before anything is wrong with it, and then is no pickle at all.
BROKEN_OFF = b"cos\nsystem\n(S'true'\ntR\xff\xff rest"
SAFE: dict[str, dict[str, object]] = {
    "python_function": {"loader_module": "mlflow.sklearn", "model_path": "model.skops"},
    "sklearn": {"pickled_model": "model.skops", "serialization_format": "skops", "skops_trusted_types": None},
}


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = pd.DataFrame({"calls": [0.0, 1, 2, 3]})
    folder = tmp_path_factory.mktemp("honest") / "model"
    mlflow.sklearn.save_model(
        LogisticRegression().fit(rows, [0, 0, 1, 1]), folder, input_example=rows, pip_requirements=[],
        serialization_format="skops",
    )  # fmt: skip
    return folder


@pytest.fixture
def model(honest: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(honest, tmp_path / "model"))


def found(folder: Path, *trusted: str) -> list[tuple[str, str]]:
    findings = run({"folder": str(folder), "trusted_types": list(trusted)})["findings"]
    return [(kind, path) for kind, path, _ in findings]


def archive(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return out.getvalue()


def keras(**config: object) -> bytes:
    return archive({"config.json": json.dumps(config).encode()})


def array(values: object) -> bytes:
    out = io.BytesIO()
    np.save(out, np.asarray(values), allow_pickle=True)
    return out.getvalue()


def described(folder: Path, flavors: Mapping[str, object]) -> Path:
    (folder / "MLmodel").write_text(yaml.safe_dump({"flavors": dict(flavors)}))
    return folder


def test_a_model_in_a_safe_format_is_fine(model: Path) -> None:
    answer = run({"folder": str(model), "trusted_types": []})
    assert answer == {"files": 7, "stored_as": {"sklearn": "skops"}, "findings": []}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ["notes.txt", "weights.bin", "table.parquet", "MODEL", "deep/er/x.json"])
def test_a_pickle_is_one_under_any_name(model: Path, protocol: int, name: str) -> None:
    (model / name).parent.mkdir(parents=True, exist_ok=True)
    (model / name).write_bytes(pickle.dumps(Evil(), protocol=protocol))
    assert found(model) == [("pickle", name)]


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("old.pkl", b"", "pickle"),
        ("data.txt", BROKEN_OFF, "pickle"),
        ("data.txt", b"(0(0N0" + BROKEN_OFF, "pickle"),
        ("data.txt", b"(S'true'\nios\nsystem\n.", "pickle"),
        ("data.gz", gzip.compress(pickle.dumps(Evil())), "pickle"),
        ("data.bz2", bz2.compress(pickle.dumps(Evil())), "pickle"),
        ("data.xz", lzma.compress(pickle.dumps(Evil())), "pickle"),
        ("data.z", zlib.compress(pickle.dumps(Evil())), "pickle"),
        ("rows.npy", array([Evil()]), "pickle"),
        ("rows.npy", array([Evil()]).replace(b"'|O'", b'"O" '), "pickle"),
        ("rows.npy", array(np.zeros(1, [(f"c{n}", "f8") for n in range(30)] + [("o", "O")])), "pickle"),
        ("rows.npy", array([1.0]).replace(b"descr", b"decsr"), "unknown"),
        ("rows.npz", archive({"a.npy": array([Evil()])}), "pickle"),
        ("model.skops", archive({"schema.json": b"{}", "x": pickle.dumps(Evil())}), "pickle"),
        ("model.skops", archive({"other.json": b"{}"}), "unknown"),
        ("model.pt2", archive({"state.pt": archive({"data.pkl": b""})}), "unknown"),
        ("model.pt2", b"before" + archive({"x.pkl": pickle.dumps(Evil())}), "pickle"),
        ("helper.py", b"print()", "code"),
        ("lib/helper.so", b"\x7fELF\x02", "code"),
        ("renamed.txt", b"\x7fELF\x02", "code"),
        ("parts.whl", archive({"a.py": b""}), "code"),
        ("lambda.keras", keras(layers=[{"class_name": "Lambda"}]), "lambda"),
        ("calls.keras", keras(module="os", class_name="system"), "code"),
        ("old.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * (1 << 20) + b'{"class_name": "Lambda"}', "lambda"),
        ("saved_model.pb", b"\x08\x01\x12\xff\xfe", "unknown"),
    ],
)  # fmt: skip
def test_what_could_run_code_is_found(model: Path, name: str, content: bytes, kind: str) -> None:
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_bytes(content)
    assert kind in {one for one, path in found(model) if path == name}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("calls.csv", b"calls,income\n1,2\n3,4\n"), ("c.txt", b"columns\nof\nRows\n"),
        ("rows.npy", array([1.5, 2])),
        ("rows.npz", archive({"a.npy": array([1, 2])})), ("leads.csv.gz", gzip.compress(b"a,b\n1,2\n")),
        ("model.pt2", archive({"data/weights/weight_0": b"\x80\x02\x00\x00" * 9})), ("empty.txt", b""),
        ("x.keras", keras(module="keras.layers", class_name="Dense")),
        ("umlaut.md", "größer".encode()), ("model.ubj", b"{L\x00\x00"),
    ],
)  # fmt: skip
def test_what_only_holds_numbers_and_text_is_not(model: Path, name: str, content: bytes) -> None:
    (model / name).write_bytes(content)
    assert found(model) == []


@pytest.mark.parametrize(
    ("flavors", "kinds"),
    [
        ({"sklearn": {**SAFE["sklearn"], "serialization_format": "cloudpickle"}}, {"cloudpickle"}),
        ({"sklearn": {"pickled_model": "model.skops"}}, {"pickle"}),
        ({"sklearn": {**SAFE["sklearn"], "serialization_format": "joblib"}}, {"unknown"}),
        ({"sklearn": {**SAFE["sklearn"], "skops_trusted_types": ["builtins.eval"]}}, {"types"}),
        ({"sklearn": {**SAFE["sklearn"], "skops_trusted_types": ["numpy.dtype"]}}, set()),
        ({"sklearn": {**SAFE["sklearn"], "code": "code"}}, {"code"}),
        ({"sklearn": {**SAFE["sklearn"], "pickled_model": "../other"}}, {"unknown"}),
        ({"sklearn": {**SAFE["sklearn"], "pickled_model": "/etc/passwd"}}, {"unknown"}),
        ({"python_function": {"loader_module": "mlflow.sklearn", "model_path": "model.skops"}}, {"unknown"}),
        ({**SAFE, "python_function": {"loader_module": "os"}}, {"code"}),
        ({**SAFE, "python_function": {"loader_module": "mlflowish.sklearn"}}, {"code"}),
        (
            {"python_function": {"loader_module": "mlflow.pyfunc.model", "python_model": "m.bin"}},
            {"cloudpickle"},
        ),
        ({"python_function": {"loader_module": "mlflow.pyfunc.model", "python_model": "m.py"}}, {"code"}),
        ({"xgboost": {"model_class": "xgboost.sklearn.XGBClassifier", "data": "model.ubj"}}, set()),
        ({"xgboost": {"model_class": "os.abort", "data": "model.ubj"}}, {"code"}),
        ({"lightgbm": {"model_class": "lightgbm.basic.Booster", "data": "model.lgb"}}, set()),
        ({"lightgbm": {"model_class": "lightgbm.sklearn.LGBMClassifier", "data": "m"}}, {"cloudpickle"}),
        ({"pytorch": {"model_data": "data"}}, {"pickle"}),
        ({"pytorch": {"model_data": "data", "serialization_format": "pt2"}}, set()),
        ({"keras": {"data": "data", "keras_module": "os"}}, {"code"}),
        ({"statsmodels": {"data": "model.txt"}}, {"pickle"}),
        ({"onnx": {"data": "model.onnx"}}, set()),
        ({"homemade": {}}, {"unknown"}),
    ],
)
def test_what_the_mlmodel_file_would_have_mlflow_do(
    model: Path, flavors: Mapping[str, object], kinds: set[str]
) -> None:
    assert {kind for kind, _ in found(described(model, flavors))} == kinds


def test_a_second_mlmodel_file_further_down_counts_too(model: Path) -> None:
    (model / "inner").mkdir()
    described(model / "inner", {"sklearn": {"serialization_format": "pickle", "pickled_model": "x"}})
    assert found(model) == [("pickle", "inner/MLmodel")]


def test_the_pickle_that_the_mlmodel_file_names_is_told_from_another_beside_it(model: Path) -> None:
    described(model, {"sklearn": {"serialization_format": "cloudpickle", "pickled_model": "model.pkl"}})
    for name in ("model.pkl", "other.pkl"):
        (model / name).write_bytes(pickle.dumps(Evil()))
    assert found(model) == [("cloudpickle", "MLmodel"), ("cloudpickle", "model.pkl"), ("pickle", "other.pkl")]


def test_a_type_that_somebody_has_looked_at_is_trusted(model: Path) -> None:
    described(model, {"sklearn": {**SAFE["sklearn"], "skops_trusted_types": ["mine.Own"]}})
    assert found(model) == [("types", "MLmodel")]
    assert found(model, "mine.Own") == []


@pytest.mark.parametrize("content", [None, "flavors: [", "a: 1", "flavors: {sklearn: 3}", "[" * 5000])
def test_an_mlmodel_file_that_is_missing_or_broken_is_not_safe(model: Path, content: str | None) -> None:
    (model / "MLmodel").unlink()
    if content is not None:
        (model / "MLmodel").write_text(content)
    assert found(model) == [("unknown", "MLmodel")]


def test_a_link_is_no_file(model: Path, tmp_path: Path) -> None:
    (model / "away").symlink_to(tmp_path)
    assert found(model) == [("unknown", "away")]


def test_nothing_was_loaded(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (model / "x.pkl").write_bytes(pickle.dumps(Evil()))
    pickle.loads(pickle.dumps(Evil()))
    assert capsys.readouterr().out == "run\n", "it would be seen"
    found(model)
    assert capsys.readouterr().out == ""
