"""How models are stored and read back: skops with the reviewed list of types; cloudpickle only where whoever
loads opts in.

MLflow's own loader takes the list of trusted types from the model's own file, so a crafted model can trust
itself. Here the list is ours.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from hotpass.errors import CallError, RegistryError, mask
from hotpass.ml.tree_bounds import check_trees
from hotpass.ml.trusted_types import TRUSTED_TYPES

#: Says on the run and the version how the model was stored: `skops` or `cloudpickle`. It informs, and allows
#: nothing.
SERIALIZATION_TAG = "hotpass.serialization"

_REFUSED = "false", "0", "no"


class Format(NamedTuple):
    """How a model is to be stored: `skops` with the types that it needs trusted, or `cloudpickle`."""

    name: str
    trusted_types: tuple[str, ...] = ()


def choose_format(
    model: Any, trusted_types: Iterable[str] = (), *, allow_cloudpickle: bool = False
) -> Format:
    """skops wherever the model fits; cloudpickle only with `allow_cloudpickle`.

    Raises CallError, naming the types, for a model that needs types outside the reviewed list and
    `trusted_types`.
    """
    import skops.io
    from skops.io.exceptions import UnsupportedTypeException

    try:
        needed = set(skops.io.get_untrusted_types(data=skops.io.dumps(model)))
    except (UnsupportedTypeException, TypeError, ValueError, AttributeError) as error:
        if allow_cloudpickle:
            return Format("cloudpickle")
        raise CallError(
            f"{type(model).__name__} cannot be stored in MLflow's safe format (skops): {error}\n"
            "Functions and classes must stand at the top level of a module. Or opt in, in Python, with "
            "allow_cloudpickle=True; whoever loads such a model runs whatever its file says."
        ) from error
    unknown = sorted(needed - TRUSTED_TYPES - set(trusted_types))
    if not unknown:
        return Format("skops", tuple(sorted(needed)))
    if allow_cloudpickle:
        return Format("cloudpickle")
    raise CallError(
        f"{type(model).__name__} holds types outside the reviewed list: {', '.join(unknown)}.\n"
        f"If you have looked at them, name them: trusted_types={unknown!r}; the same goes for loading. Or "
        "opt in, in Python, with allow_cloudpickle=True; whoever loads such a model runs whatever "
        "its file says."
    )


def load_folder(
    folder: Path, name: str, trusted_types: Iterable[str] = (), *, allow_cloudpickle: bool = False
) -> Any:
    """The scikit-learn model in `folder`, which holds the files that MLflow wrote. `name` is for messages.

    Raises CallError for another kind of model and for types that are not trusted, RegistryError for files
    that are missing or damaged.
    """
    flavor = _sklearn_flavor(folder, name)
    file = (folder / str(flavor.get("pickled_model", ""))).resolve()
    if not file.is_relative_to(folder.resolve()) or not file.is_file():
        raise RegistryError(f"{name}: its MLmodel file names a model file that is not there")
    stored_as = str(flavor.get("serialization_format", "pickle"))
    if stored_as == "skops":
        return _load_skops(file, name, trusted_types)
    if stored_as not in ("cloudpickle", "pickle"):
        raise RegistryError(f"{name} is stored as {stored_as!r}, which this version of Hotpass does not know")
    if not allow_cloudpickle:
        raise CallError(
            f"{name} is stored with {stored_as}, so loading it runs whatever its file says. It was not "
            "loaded. If you trust whoever registered it, opt in: hotpass score --allow-cloudpickle, or "
            "allow_cloudpickle=True in Python. Or train it again: the default format is safe."
        )
    if os.environ.get("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "").lower() in _REFUSED:
        raise CallError(
            f"{name} is stored with {stored_as}, and MLFLOW_ALLOW_PICKLE_DESERIALIZATION forbids loading "
            "that."
        )
    return _load_pickle(file, name)


def _sklearn_flavor(folder: Path, name: str) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
        flavors = dict(content["flavors"])
    except (OSError, ValueError, yaml.YAMLError, TypeError, KeyError) as error:
        raise RegistryError(f"{name}: its MLmodel file cannot be read: {mask(str(error))}") from None
    flavor = flavors.get("sklearn")
    if not isinstance(flavor, dict):
        kinds = ", ".join(sorted(flavors)) or "none"
        raise CallError(
            f"{name} is not a scikit-learn model (its flavors: {kinds}). Load it with MLflow's own loader "
            "for that flavor."
        )
    return flavor


def _load_skops(file: Path, name: str, trusted_types: Iterable[str]) -> Any:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        model = skops.io.load(file, trusted=sorted(TRUSTED_TYPES | set(trusted_types)))
    except UntrustedTypesFoundException:
        needed = set(skops.io.get_untrusted_types(file=file)) - TRUSTED_TYPES - set(trusted_types)
        unknown = sorted(needed)
        raise CallError(
            f"{name} holds types outside the reviewed list: {', '.join(unknown)}. It was not loaded. If you "
            f"have looked at them, pass trusted_types={unknown!r}."
        ) from None
    except Exception as error:
        raise RegistryError(
            f"{name}: its model file cannot be read: {type(error).__name__}: {error}"
        ) from error
    check_trees(model)
    return model


def _load_pickle(file: Path, name: str) -> Any:
    import cloudpickle

    try:
        with file.open("rb") as stream:
            return cloudpickle.load(stream)
    except Exception as error:
        raise RegistryError(
            f"{name}: its model file cannot be read: {type(error).__name__}: {error}"
        ) from error
