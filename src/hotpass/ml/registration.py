"""Registers a logged model as the next version of its name, with the digest of its files."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hotpass.artifacts import DIGEST_TAG, digest_of_folder
from hotpass.errors import CallError, RegistryError
from hotpass.ml.serialization import SERIALIZATION_TAG, Format
from hotpass.registry.calls import call
from hotpass.registry.convert import MODEL_FILE_TAG, model_file, model_file_tag


def register(
    info: Any, model_name: str, stored_as: Format, tags: Mapping[str, str], run_id: str
) -> tuple[int, str]:
    """The number of the new version of `model_name`, and the digest of its files as they were read back.

    The version's tags say both the digest and how the model is stored. Raises RegistryError.
    """
    import mlflow

    with tempfile.TemporaryDirectory(prefix="hotpass-") as folder:
        where = call(
            "read back the model", mlflow.artifacts.download_artifacts, info.model_uri, dst_path=folder
        )
        digest = digest_of_folder(where)
        said = model_file_tag(model_file((Path(where) / "MLmodel").read_text(encoding="utf-8")))
    tags = {**tags, DIGEST_TAG: digest, SERIALIZATION_TAG: stored_as.name}
    try:
        version = call(
            f"register model {model_name!r}", _create_version, info, model_name, tags, run_id, said
        )
    except RegistryError as error:
        raise RegistryError(
            f"{error}\nThe run is logged ({run_id}); only the registration failed."
        ) from error
    return version, digest


def _create_version(
    info: Any, model_name: str, tags: Mapping[str, str], run_id: str, model_file_said: str | None
) -> int:
    """What `mlflow.register_model` does, without its lines on stderr."""
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

    client = mlflow.MlflowClient()
    try:
        client.create_registered_model(model_name)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"):
            raise
    made = client.create_model_version(
        model_name, info.model_uri, run_id, tags=dict(tags), model_id=info.model_id
    )
    versions = json.dumps([{"name": model_name, "version": made.version}])
    said = {MODEL_FILE_TAG: model_file_said} if model_file_said else {}
    client.set_logged_model_tags(info.model_id, {MLFLOW_MODEL_VERSIONS: versions, **said})
    return int(made.version)


def check_name(model_name: str | None) -> None:
    """Raises CallError for what cannot be the name of a registered model."""
    if model_name is not None and (not model_name.strip() or set(model_name) & set("/:")):
        raise CallError(
            f"{model_name!r} is not a name for a model: it must not be empty, nor have '/' or ':' in it."
        )
