"""A store method that Hotpass does not know stops the guard."""

from __future__ import annotations

from typing import Any

import pytest
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow.store.model_registry.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore

from hotpass.errors import CallError
from hotpass.guard.known_methods import KnownMethods, check_known
from hotpass.guard.known_registry_methods import REGISTRY_METHODS
from hotpass.guard.registry_store import GuardedRegistryStore, GuardedWorkspaceRegistryStore


def public(cls: type) -> set[str]:
    return {name for name in dir(cls) if not name.startswith("_") and name.islower()}


@pytest.mark.parametrize("cls", [SqlAlchemyStore, WorkspaceAwareSqlAlchemyStore])
def test_the_lists_are_what_this_mlflow_has(cls: type) -> None:
    assert public(cls) == REGISTRY_METHODS.guarded | REGISTRY_METHODS.passing
    assert not REGISTRY_METHODS.guarded & REGISTRY_METHODS.passing


@pytest.mark.parametrize("cls", [GuardedRegistryStore, GuardedWorkspaceRegistryStore])
def test_the_guarded_stores_are_in_order(cls: type) -> None:
    check_known(cls, REGISTRY_METHODS)


def test_a_method_that_came_with_a_new_mlflow_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(SqlAlchemyStore, "promote_quietly", lambda self, name: None, raising=False)
    with pytest.raises(CallError) as caught:
        GuardedRegistryStore(None, f"sqlite:///{tmp_path}/new.db")  # type: ignore[arg-type]
    text = str(caught.value)
    assert "promote_quietly" in text
    assert "pip install --upgrade hotpass" in text
    assert not (tmp_path / "new.db").exists()


def test_a_new_property_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SqlAlchemyStore, "direct_session", property(lambda self: None), raising=False)
    with pytest.raises(CallError, match="direct_session"):
        check_known(GuardedRegistryStore, REGISTRY_METHODS)


def test_what_is_to_be_guarded_must_be() -> None:
    known = KnownMethods(
        "model registry", REGISTRY_METHODS.guarded | {"update_model_version"}, REGISTRY_METHODS.passing
    )
    with pytest.raises(CallError, match="is to guard update_model_version and does not"):
        check_known(GuardedRegistryStore, known)


def test_a_method_that_this_mlflow_has_not_is_no_error() -> None:
    known = KnownMethods(
        "model registry", REGISTRY_METHODS.guarded | {"of_an_older_one"}, REGISTRY_METHODS.passing
    )
    check_known(GuardedRegistryStore, known)
