"""Files that a run keeps or names: its artifacts, and the sources of its data sets."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

from hotpass.errors import CallError, RegistryError
from hotpass.errors import mask as masked
from hotpass.registry.calls import call
from hotpass.registry.files import FilesMissing, VersionFiles


def run_artifact(tracking: Any, run_id: str, path: str, to: Path, *, uris: dict[str, str]) -> Path | None:
    """A copy below `to` of what the run keeps at `path`; None where there is nothing.

    `uris` are `tracking_uri` and `registry_uri`. Raises CallError for a path outside of the run,
    RegistryError.
    """
    inside = PurePosixPath(path)
    if inside.is_absolute() or ".." in inside.parts or not inside.parts:
        raise CallError(
            f"{path!r} is not a path among a run's artifacts, such as validation/validation.parquet"
        )
    run = call(f"read run {run_id}", tracking.get_run, run_id)
    files = VersionFiles(f"run {run_id}", run.info.artifact_uri, **uris)
    try:
        return files.download_one(str(inside), to)
    except FilesMissing:
        return None


def fetch(uri: str, to: Path, *, uris: dict[str, str]) -> Path:
    """A copy below `to` of the file or folder at `uri`. Raises RegistryError, also where nothing is there."""
    root, _, name = uri.rstrip("/").rpartition("/")
    return VersionFiles(masked(uri), root, **uris).download_one(name, to)


def dataset_file(tracking: Any, run_id: str, name: str | None, context: str | None, to: Path) -> Path | None:
    """A copy of the file behind the data set of that name and context, the last one that was logged; None
    where there is none like that, or where its source is no file. Raises RegistryError.
    """
    from mlflow.data.dataset_source_registry import get_dataset_source_from_json

    run = call(f"read run {run_id}", tracking.get_run, run_id)
    for entry in reversed(run.inputs.dataset_inputs if run.inputs else []):
        contexts = [tag.value for tag in entry.tags if tag.key == "mlflow.data.context"]
        dataset = entry.dataset
        if name not in (None, dataset.name) or (context is not None and context not in contexts):
            continue
        try:
            source = get_dataset_source_from_json(dataset.source, dataset.source_type)
            found = Path(str(source.load(dst_path=str(to))))
        except NotImplementedError:
            return None
        except (TypeError, ValueError, json.JSONDecodeError):
            return None
        except Exception as error:
            raise RegistryError(
                f"cannot read data set {dataset.name} of run {run_id}: {type(error).__name__}: "
                f"{masked(str(error))}"
            ) from None
        return found if found.exists() else None
    return None
