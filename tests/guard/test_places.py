"""Two ways to write one place compare equal, whatever storage it is on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hotpass.guard.places import begins, join, overlap, places_of

ROOT = "s3://bucket/mlflow"


def same(one: str, other: str, destination: str = ROOT) -> bool:
    return any(
        overlap(a, b) and len(a) == len(b)
        for a in places_of(one, destination)
        for b in places_of(other, destination)
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mlflow-artifacts:/0/m/artifacts", "s3://bucket/mlflow/0/m/artifacts"),
        ("mlflow-artifacts://host:5000/0/m/artifacts", "mlflow-artifacts:/0/m/artifacts/"),
        ("mlflow-artifacts:/0//m/./artifacts", "mlflow-artifacts:/0/x/../m/artifacts"),
        ("https://host/api/2.0/mlflow-artifacts/artifacts/0/m", "mlflow-artifacts:/0/m"),
        ("http://host/ajax-api/2.0/mlflow-artifacts/artifacts/0/m", "mlflow-artifacts:/0/m"),
        ("s3://bucket/mlflow/0/a%20model", "s3://bucket/mlflow/0/a model"),
        ("s3://bucket/mlflow/0/m%252e", "s3://bucket/mlflow/0/m."),
        ("s3a://BUCKET/mlflow/0/m?versionId=1", "s3://bucket/mlflow/0/M"),
        ("abfss://c@acc.dfs.core.windows.net/p", "wasbs://c@acc.blob.core.windows.net/p"),
        ("file:///srv/artifacts/0/m", "/srv/artifacts/0/m"),
        ("file:/srv/artifacts/0/m%20x", "/srv/artifacts/0/m x"),
        ("/srv/artifacts//0/../0/m", "/srv/artifacts/0/m"),
        ("/srv/Mod\u00e8le", "/srv/mode\u0300le"),
    ],
)
def test_the_same_place(one: str, other: str) -> None:
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s3://bucket/mlflow/0/m1", "s3://bucket/mlflow/0/m2"),
        ("s3://bucket/mlflow/0/m", "s3://other/mlflow/0/m"),
        ("s3://bucket/mlflow/0/m", "gs://bucket/mlflow/0/m"),
        ("mlflow-artifacts:/0/m", "/0/m"),
    ],
)
def test_other_places(one: str, other: str) -> None:
    assert not same(one, other)


def test_no_place_at_all() -> None:
    for uri in ("", "models:/m/1", "models:/m-1", "runs:/abc/model"):
        assert places_of(uri, ROOT) == frozenset()
    assert places_of("mlflow-artifacts:/0/m", "") == frozenset()  # a proxy that serves nothing


def test_relative_and_linked_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert same("mlflow-artifacts:/0/m", str(tmp_path / "real/0/m"), "./link")
    assert same(f"file://{tmp_path}/link/0", "real/0")
    assert os.getcwd() == str(tmp_path)


def test_the_proxy_keeps_workspaces_apart() -> None:
    # A path of another workspace than the default one is below `workspaces/<name>`, also where the URI that
    # the database holds is older than that.
    (plain, scoped) = sorted(places_of("mlflow-artifacts:/0/m", ROOT, "team"), key=len)
    assert scoped == ("s3", "bucket", "mlflow", "workspaces", "team", "0", "m")
    assert plain == ("s3", "bucket", "mlflow", "0", "m")
    assert len(places_of("mlflow-artifacts:/workspaces/team/0/m", ROOT, "team")) == 1


def test_above_below_and_alike() -> None:
    (place,) = places_of("s3://b/0/models/m-1/artifacts", "")

    def target(uri: str) -> tuple[str, ...]:
        (found,) = places_of(uri, "")
        return found

    for uri in ("s3://b", "s3://b/0", "s3://b/0/models/m-1/artifacts", "s3://b/0/models/m-1/artifacts/a/b"):
        assert overlap(target(uri), place), uri
    for uri in ("s3://b/0/models/m-2", "s3://b/0/models/m-", "s3://b/1", "s3://c"):
        assert not overlap(target(uri), place), uri
    assert begins(target("s3://b/0/models/m-"), place)  # `list_objects(Prefix=…)`
    assert not begins(target("s3://b/0/models/m-2"), place)


def test_joining() -> None:
    assert join("s3://b/p/?x=1", "a/b") == "s3://b/p/a/b"
    assert join("/srv/what?/", "a") == "/srv/what?/a"
    assert join("s3://b/p", "") == "s3://b/p"
