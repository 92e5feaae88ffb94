"""The task `serialization`: reads the files of a model as bytes, and loads nothing.

What MLflow would do with them follows its loaders (`mlflow.sklearn`, `mlflow.lightgbm`, `mlflow.pyfunc` and
so on, in MLflow 3.17).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import yaml

from hotpass.ml.trusted_types import TRUSTED_TYPES
from hotpass_evaluation.work.formats import Finding, look

_DESCRIBES = "MLmodel"

#: Flavors whose loaders unpickle whatever they are given.
_UNPICKLING = frozenset({"statsmodels", "pmdarima", "paddle", "diviner", "shap"})
#: Flavors whose loaders read numbers and text alone.
_NATIVE = frozenset({"onnx", "catboost", "prophet", "keras", "tensorflow"})
_PATHS = ("model_path", "pickled_model", "data", "python_model", "model_data", "model_file")


def run(job: Mapping[str, Any]) -> dict[str, Any]:
    """`findings`: [kind, path, why] for all that is not known to be safe; `files`: how many there are;
    `stored_as`: what each flavor says of its format.
    """
    folder = Path(job["folder"])
    trusted = TRUSTED_TYPES | set(job["trusted_types"])
    findings: list[Finding] = []
    stored_as: dict[str, str] = {}
    declared: set[str] = set()
    files = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    if folder / _DESCRIBES not in files:
        findings.append(Finding("unknown", _DESCRIBES, "is not there, so nobody can say how it is loaded"))
    for file in files:
        path = file.relative_to(folder).as_posix()
        if file.is_symlink() or not file.is_file():
            findings.append(Finding("unknown", path, "is a link or a device, not a file"))
        elif file.name == _DESCRIBES:
            described = _described(file)
            if described is None:
                findings.append(Finding("unknown", path, "cannot be read"))
                continue
            if file.parent == folder:
                stored_as = _formats(described)
            declared |= {
                (PurePosixPath(path).parent / str(flavor[key])).as_posix()
                for flavor in described.values()
                if flavor.get("serialization_format") == "cloudpickle" or flavor.get("cloudpickle_version")
                for key in ("pickled_model", "python_model", "data")
                if flavor.get(key)
            }
            findings += [Finding(kind, path, why) for kind, why in _loaders(described, trusted)]
        else:
            findings += look(file, path)
    return {
        "files": len(files),
        "stored_as": stored_as,
        "findings": [
            ["cloudpickle" if one.kind == "pickle" and one.path in declared else one.kind, one.path, one.why]
            for one in findings
        ],
    }


def _described(file: Path) -> dict[str, dict[str, Any]] | None:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        return {str(name): dict(config or {}) for name, config in content["flavors"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, yaml.YAMLError):
        return None


def _formats(flavors: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {
        name[:60]: str(config.get("serialization_format", "its own format"))[:60]
        for name, config in list(flavors.items())[:20]
        if name != "python_function" or len(flavors) == 1
    }


def _loaders(flavors: Mapping[str, _Config], trusted: _Trusted) -> _Found:
    for name, config in flavors.items():
        for key in _PATHS:
            named = PurePosixPath(str(config.get(key) or ""))
            if named.is_absolute() or ".." in named.parts:
                yield "unknown", f"names a file outside the model: {key}: {str(named)[:80]}"
        if config.get("code"):
            yield "code", f"puts the model's own code on the path ({str(config['code'])[:80]!r})"
        if config.get("model_code_path"):
            yield "code", f"makes the model by running {str(config['model_code_path'])[:80]!r}"
        yield from _FLAVORS.get(name, _other)(name, config, flavors, trusted)


_Config: TypeAlias = Mapping[str, Any]
_Trusted: TypeAlias = Set[str]
_Found: TypeAlias = Iterator[tuple[str, str]]


def _sklearn(name: str, config: _Config, flavors: Mapping[str, _Config], trusted: _Trusted) -> _Found:
    stored_as = str(config.get("serialization_format", "pickle"))
    if stored_as in ("pickle", "cloudpickle"):
        yield (
            stored_as,
            f"has {name} load {config.get('pickled_model') or config.get('data')} with {stored_as}",
        )
    elif stored_as != "skops":
        yield "unknown", f"stores {name} as {stored_as[:80]!r}"
    types = config.get("skops_trusted_types")
    for one in types if isinstance(types, list) else [types] if types else []:
        if one not in trusted:
            yield "types", f"trusts {str(one)[:120]}, which is not on the reviewed list"


def _lightgbm(name: str, config: _Config, flavors: Mapping[str, _Config], trusted: _Trusted) -> _Found:
    if config.get("model_class", "lightgbm.basic.Booster") != "lightgbm.basic.Booster":
        yield from _sklearn(name, {"serialization_format": "cloudpickle", **config}, flavors, trusted)


def _xgboost(name: str, config: _Config, flavors: Mapping[str, _Config], trusted: _Trusted) -> _Found:
    made = str(config.get("model_class", "xgboost.core.Booster"))
    if not made.startswith("xgboost."):
        yield "code", f"calls {made[:80]!r} when it is loaded"


def _pytorch(name: str, config: _Config, flavors: Mapping[str, _Config], trusted: _Trusted) -> _Found:
    if config.get("serialization_format", "pickle") != "pt2":
        yield "pickle", "has PyTorch load a pickle; save it with serialization_format='pt2'"


def _python_function(name: str, config: _Config, flavors: Mapping[str, _Config], trusted: _Trusted) -> _Found:
    loader = str(config.get("loader_module", ""))
    package, _, flavor = loader.partition(".")
    if package != "mlflow":
        yield "code", f"is loaded by {loader[:80]!r}, which is no part of MLflow"
    elif loader == "mlflow.pyfunc.model":
        file = str(config.get("python_model") or "")
        kind = "code" if file.endswith(".py") else "cloudpickle"
        yield kind, f"is a Python object or script ({file[:80] or 'python_model'}), run when it is loaded"
    elif flavor not in flavors:
        yield "unknown", f"is loaded by {loader[:80]}, and says nothing about {flavor[:80]}"


def _other(name: str, config: _Config, flavors: Mapping[str, _Config], trusted: _Trusted) -> _Found:
    if name in _UNPICKLING:
        yield "pickle", f"is of the flavor {name}, which unpickles when it loads"
    elif name not in _NATIVE:
        yield "unknown", f"is of the flavor {name[:80]!r}, which is not among those known to load safely"
    if config.get("keras_module"):
        yield from _keras_module(str(config["keras_module"]))


def _keras_module(module: str) -> _Found:
    if module not in ("keras", "tensorflow.keras", "tf_keras"):
        yield "code", f"imports {module[:80]!r} when it is loaded"


_FLAVORS: dict[str, Callable[[str, _Config, Mapping[str, _Config], _Trusted], _Found]] = {
    "sklearn": _sklearn, "lightgbm": _lightgbm, "xgboost": _xgboost, "pytorch": _pytorch,
    "python_function": _python_function,
}  # fmt: skip
