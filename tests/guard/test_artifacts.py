"""Files behind guarded versions cannot be written in the server's process, by whichever way to the storage.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow.store.artifact.artifact_repo import (
    ArtifactRepository,
    MultipartUploadMixin,
    PresignedUploadMixin,
    StreamUploadMixin,
)
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from hotpass.guard.artifacts import ArtifactRules, guard_artifacts, guarded_repository
from hotpass.guard.frozen_files import FrozenFiles
from support.guarded_runs import GuardedRuns, model_id_of

M = "guarded_m"


def refused(call: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """The message of the PERMISSION_DENIED that the call is answered."""
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException) as caught:
        call(*args, **kwargs)
    assert caught.value.error_code == "PERMISSION_DENIED", caught.value
    return str(caught.value.message)


class Bucket(ArtifactRepository, MultipartUploadMixin, PresignedUploadMixin):  # type: ignore[misc]
    """A storage that can do what clouds can; it remembers what it was told to do."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.done: list[str] = []

    def log_artifact(self, local_file: Any, artifact_path: Any = None) -> None:
        self.done.append("log_artifact")

    def log_artifacts(self, local_dir: Any, artifact_path: Any = None) -> None:
        self.done.append("log_artifacts")

    def list_artifacts(self, path: Any = None) -> list[Any]:
        return []

    def _download_file(self, remote_file_path: Any, local_path: Any) -> None:
        self.done.append("download")

    def delete_artifacts(self, artifact_path: Any = None) -> None:
        self.done.append("delete_artifacts")

    def create_multipart_upload(self, local_file: Any, num_parts: Any = 1, artifact_path: Any = None) -> None:
        self.done.append("create")

    def complete_multipart_upload(
        self, local_file: Any, upload_id: Any, parts: Any = None, artifact_path: Any = None
    ) -> None:
        self.done.append("complete")

    def abort_multipart_upload(self, local_file: Any, upload_id: Any, artifact_path: Any = None) -> None:
        self.done.append("abort")

    def create_presigned_upload_url(self, artifact_path: Any, expiration: Any = 900) -> None:
        self.done.append("presigned")


def writes(repository: Any, folder: str, file: str) -> dict[str, Callable[[], Any]]:
    """Every way to write the file in the folder."""
    path = f"{folder}/{file}" if folder else file
    return {
        "log_artifact": lambda: repository.log_artifact(f"/tmp/{file}", folder),
        "log_artifact by name": lambda: repository.log_artifact(
            local_file=f"/tmp/{file}", artifact_path=folder
        ),
        "log_artifacts": lambda: repository.log_artifacts("/tmp", folder),
        "delete_artifacts": lambda: repository.delete_artifacts(path),
        "delete_artifacts of the folder": lambda: repository.delete_artifacts(folder),
        "create": lambda: repository.create_multipart_upload(file, 1, folder),
        "complete": lambda: repository.complete_multipart_upload(file, "1", [], folder),
        "presigned": lambda: repository.create_presigned_upload_url(path),
    }


@pytest.fixture
def lite(lite_runs: GuardedRuns) -> GuardedRuns:
    return lite_runs


@pytest.fixture
def in_bucket(lite: GuardedRuns) -> tuple[Bucket, str, str]:
    """A guarded bucket behind the artifact proxy, and the paths there of the LoggedModel and of the run of a
    version in Staging.
    """
    lite.plain.create_experiment("proxied", "mlflow-artifacts:/proxied")
    version = lite.version(M, experiment="proxied", artifacts=False)
    # The guard reads the files of what it moves; these are nowhere, so it is moved past it.
    lite.registry.plain.client.transition_model_version_stage(M, "1", "Staging")
    files = FrozenFiles(lite.guard, "s3://bucket/root")
    bucket = guarded_repository(Bucket("s3://bucket/root"), ArtifactRules(lite.guard, files))
    return bucket, f"proxied/models/{model_id_of(version)}/artifacts", f"proxied/{version.run_id}/artifacts"


def test_it_is_still_what_it_was(in_bucket: tuple[Bucket, str, str]) -> None:
    bucket = in_bucket[0]
    assert isinstance(bucket, Bucket)
    assert isinstance(bucket, MultipartUploadMixin)
    assert not isinstance(bucket, StreamUploadMixin)
    assert type(bucket).__name__ == "Bucket"


def test_files_of_a_guarded_version_are_frozen(in_bucket: tuple[Bucket, str, str]) -> None:
    bucket, model, run = in_bucket
    for folder, file in (
        (model, "MLmodel"),
        (f"{model}/data", "model.pkl"),
        (model.upper(), "MLMODEL"),
        (f"{model}//.", "MLmodel"),
        (f"proxied/x/../{model.removeprefix('proxied/')}", "MLmodel"),
        (model.replace("models", "%6dodels"), "MLmodel"),
        (model.replace("models", "%256dodels"), "MLmodel"),
        (run, "metadata.json"),
    ):
        for name, write in writes(bucket, folder, file).items():
            told = refused(write)
            assert f"it stands behind {M} version 1 in Staging" in told, (folder, name)
    assert bucket.done == []


def test_what_is_above_is_frozen_too(in_bucket: tuple[Bucket, str, str]) -> None:
    bucket, model, _ = in_bucket
    parents = [model.rsplit("/", count)[0] for count in range(1, model.count("/") + 1)]
    for path in (*parents, "", None, ".", "/"):
        assert "frozen" in refused(bucket.delete_artifacts, path), path
        if path:
            assert "frozen" in refused(bucket.log_artifact, f"/tmp/{path}", path.rpartition("/")[0])
    # Some storages delete all that begins alike: `list_objects(Prefix=…)`.
    assert "frozen" in refused(bucket.delete_artifacts, model[: model.index("/artifacts") - 5])
    assert bucket.done == []


def test_a_name_with_folders_in_it(in_bucket: tuple[Bucket, str, str]) -> None:
    # The body of `mpu/create` has a path of its own, which MLflow's handler does not look at.
    bucket, model, _ = in_bucket
    assert "frozen" in refused(bucket.create_multipart_upload, f"{model}/MLmodel", 1, None)
    assert "frozen" in refused(bucket.create_multipart_upload, f"../{model}/MLmodel", 1, "elsewhere")


def test_other_files_pass(in_bucket: tuple[Bucket, str, str]) -> None:
    bucket, model, _ = in_bucket
    other = model.replace("m-", "m-0")
    ways = writes(bucket, other, "MLmodel")
    for write in ways.values():
        write()
    assert len(bucket.done) == len(ways)
    bucket.abort_multipart_upload("MLmodel", "1", model)
    bucket.list_artifacts(model)
    assert bucket.done[-1] == "abort"


def test_observing_lets_it_pass(in_bucket: tuple[Bucket, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    bucket, model, _ = in_bucket
    guard = bucket._hotpass_rules._guard
    monkeypatch.setattr(guard, "settings", replace(guard.settings, observe=True))
    observed: list[Any] = []
    monkeypatch.setattr(guard, "observe", lambda *said: observed.append(said))
    for _ in range(3):
        bucket.log_artifact("/tmp/MLmodel", model)
    assert bucket.done == ["log_artifact"] * 3
    ((name, call, (reason,), *_),) = observed  # once, or a training loop would fill the ledger
    assert (name, call) == (M, "log_artifact")
    assert f"{model}/MLmodel is frozen" in reason


# --- a folder on this machine -------------------------------------------------------------------------------


@pytest.fixture
def proxied(lite: GuardedRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """MLflow's registry of repositories, guarded as in a server that keeps artifacts in `tmp_path/served`."""
    from mlflow.server import handlers
    from mlflow.store.artifact import artifact_repository_registry as module

    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", str(tmp_path / "served"))
    monkeypatch.setattr(handlers, "_artifact_repo", None)
    registry = module._artifact_repository_registry
    guard_artifacts(lite.guard)
    try:
        yield handlers
    finally:
        del registry.get_artifact_repository


def frozen_folder(lite: GuardedRuns, tmp_path: Path) -> tuple[Path, str]:
    """The folder of a version in Staging, behind the proxy in `served`, and its path there."""
    lite.plain.create_experiment("served", str(tmp_path / "served" / "7"))
    version = lite.version(M, "Staging", experiment="served")
    path = f"7/models/{model_id_of(version)}/artifacts"
    folder = tmp_path / "served" / path
    assert (folder / "MLmodel").exists()
    return folder, path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_every_repository_of_the_process_asks(lite: GuardedRuns, proxied: Any, tmp_path: Path) -> None:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    folder, path = frozen_folder(lite, tmp_path)
    before = contents(folder)
    new = tmp_path / "MLmodel"
    new.write_text("better")
    link = tmp_path / "link"
    link.symlink_to(folder)
    proxy = proxied._get_artifact_repo_mlflow_artifacts()
    assert isinstance(proxy, LocalArtifactRepository)
    refused(proxy.log_artifact, str(new), path)
    refused(proxy.delete_artifacts, "7")
    refused(proxy.log_artifact_from_stream, io.BytesIO(b"better"), "MLmodel", path)
    for uri in (str(folder), f"file://{folder}", str(link), str(folder / "data" / "..")):
        refused(get_artifact_repository(uri).log_artifact, str(new))
        # An experiment may have been given a folder below that of a model; its runs' files would be the
        # model's.
        refused(get_artifact_repository(f"{uri}/0123/artifacts").log_artifact, str(new))
    assert contents(folder) == before
    get_artifact_repository(str(tmp_path / "served" / "8")).log_artifact(str(new))
    assert (tmp_path / "served" / "8" / "MLmodel").read_text() == "better"


@pytest.mark.parametrize("how", ["log_artifact_from_stream", "log_artifact_from_async_stream"])
def test_a_slow_upload_ends_after_a_promotion(
    lite: GuardedRuns, proxied: Any, tmp_path: Path, how: str
) -> None:
    """It began when nothing was frozen; the files that were judged stay."""
    lite.plain.create_experiment("served", str(tmp_path / "served" / "7"))
    version = lite.version(M, experiment="served")
    path = f"7/models/{model_id_of(version)}/artifacts"
    before = contents(tmp_path / "served" / path)
    proxy = proxied._get_artifact_repo_mlflow_artifacts()
    begun: list[bool] = []

    def promote() -> None:
        begun.append(True)
        lite.registry.client.transition_model_version_stage(M, "1", "Staging")

    class Slow(io.BytesIO):
        def read(self, *size: int | None) -> bytes:
            if self.tell() == 0:
                promote()
            return super().read(*size)

    async def slow() -> AsyncIterator[bytes]:
        await asyncio.to_thread(promote)
        yield b"better"

    if how == "log_artifact_from_stream":
        refused(proxy.log_artifact_from_stream, Slow(b"better"), "MLmodel", path)
    else:
        refused(asyncio.run, proxy.log_artifact_from_async_stream(slow(), "MLmodel", path))
    assert begun
    assert contents(tmp_path / "served" / path) == before


def test_unknown_methods_stop_the_start(lite: GuardedRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    from hotpass.errors import CallError

    monkeypatch.setattr(ArtifactRepository, "overwrite", lambda self: None, raising=False)
    with pytest.raises(CallError, match="overwrite"):
        guard_artifacts(lite.guard)
