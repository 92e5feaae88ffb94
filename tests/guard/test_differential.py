"""MLflow behaves as before for models that no policy covers: the same calls on the plain and on the guarded
store give the same answers and errors, over every public method of the store's class.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.exceptions import MlflowException

from hotpass.guard.known_registry_methods import REGISTRY_METHODS
from support.guarded_clients import guarded_client
from support.registry_calls import CASES, ENTITY, LOGGED_MODEL, MARK, RUN, WEBHOOK, By, Call
from support.stores import Postgres, Store, forget_engines, sqlite_copy
from support.versions import make_version


class Fault(NamedTuple):
    """What a call raised."""

    kind: str
    code: str
    text: str


@dataclass
class Side:
    """One of two stores on databases of their own, and the ids that it gave out, in turn."""

    store: Any
    plain: Store
    ids: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """What came of it, without what must differ: times, random ids and places."""
        import mlflow

        mlflow.set_tracking_uri(self.plain.uri)  # MLflow's own methods look there
        try:
            found = getattr(self.store, method)
            return self.told(found(*args, **kwargs) if callable(found) else found)
        except Exception as error:
            return Fault(type(error).__name__, getattr(error, "error_code", ""), self.told(str(error)))

    def told(self, answer: Any) -> Any:
        if isinstance(answer, str):
            answer = re.sub(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", self._in_turn, answer)
            return answer.replace(str(self.plain.artifacts.parent), "…").replace(
                type(self.store).__name__, "Store"
            )
        if isinstance(answer, dict):
            return {self.told(key): self.told(value) for key, value in answer.items() if not _is_time(key)}
        if isinstance(answer, list | tuple | set):
            token = getattr(answer, "token", None)
            told = [self.told(item) for item in answer]
            return [*told, f"token {token}"] if token else told
        if hasattr(answer, "__dict__") and not isinstance(answer, type):
            return type(answer).__name__, self.told(vars(answer))
        return answer

    def _in_turn(self, found: re.Match[str]) -> str:
        return self.ids.setdefault(found[0], f"id {len(self.ids) + 1}")


def _is_time(key: Any) -> bool:
    return str(key).endswith(("_timestamp", "_time", "timestamp_ms"))


@contextlib.contextmanager
def two_sides(
    kind: str, request: pytest.FixtureRequest, folder: Path, workspaces: bool
) -> Iterator[list[Side]]:
    """The plain store and the guarded one. The policies cover `guarded_*`, and the tests' models are others.
    """
    from mlflow.tracking._model_registry.utils import _get_store

    with contextlib.ExitStack() as stack:
        sides = []
        for name in ("plain", "guarded"):
            place = folder / name
            place.mkdir()
            if kind == "postgres":
                server: Postgres = request.getfixturevalue("postgres_server")
                plain = stack.enter_context(server.database(place))
            else:
                plain = sqlite_copy(request.getfixturevalue("_template"), place)
                stack.callback(forget_engines, plain.uri)
            guarded = guarded_client(plain, folder, workspaces=workspaces)
            sides.append(Side(_get_store(plain.uri) if name == "plain" else guarded.store, plain))
        assert [type(side.store).__module__.split(".")[0] for side in sides] == ["mlflow", "hotpass"]
        yield sides


def _versions(side: Side) -> None:
    """What the calls are about: three versions of a model, made alike on both sides."""
    import mlflow

    mlflow.set_tracking_uri(side.plain.uri)
    os.environ["MLFLOW_TRACKING_URI"] = side.plain.uri
    for auc in (0.7, 0.8, 0.9):
        make_version(side.plain, "m", metrics={"roc_auc": auc})
    for version in side.plain.client.search_model_versions("name = 'm'", order_by=["version_number ASC"]):
        side.told([version.run_id, version.source])


@pytest.mark.parametrize("workspaces", [False, True], ids=["plain", "workspaces"])
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_every_method_answers_as_mlflows(
    kind: str,
    workspaces: bool,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")  # nothing is sent there
    with two_sides(kind, request, tmp_path, workspaces) as sides:
        methods = {name for name in dir(type(sides[0].store)) if not name.startswith("_")}
        assert {name for name in methods if name.islower()} - set(CASES) == set(), "methods without a case"
        assert set(CASES) == REGISTRY_METHODS.guarded | REGISTRY_METHODS.passing
        for side in sides:
            _versions(side)
        succeeded = set()
        for method, calls in CASES.items():
            for call in calls:
                plain, guarded = (_told(side, method, call) for side in sides)
                assert guarded == plain, f"{method}{call}"
                if not isinstance(plain, Fault):
                    succeeded.add(method)
        # The SQL store has no `test_webhook`, and this one no traces.
        assert set(CASES) - succeeded == {"test_webhook", "link_prompts_to_trace"}
        for ask in (("search_registered_models",), ("search_model_versions",), ("search_prompts",)):
            assert sides[0].call(*ask) == sides[1].call(*ask)


def _told(side: Side, method: str, call: Call) -> Any:
    *args, last = call or (By(),)
    by_name = last if isinstance(last, By) else By()
    args = [*args] if isinstance(last, By) else [*args, last]
    plain = side.plain.client._get_registry_client().store
    for place, arg in enumerate(args):
        if arg is ENTITY:
            args[place] = plain.get_model_version("m", 1)
        elif arg is RUN:
            args[place] = plain.get_model_version("m", 1).run_id
        elif arg is LOGGED_MODEL:
            args[place] = plain.get_model_version("m", 1).source.removeprefix("models:/")
        elif arg is WEBHOOK:
            args[place] = next((hook.webhook_id for hook in plain.list_webhooks()), "none left")
    return side.call(method, *args, **by_name)


# --- any sequence -------------------------------------------------------------------------------------------

FREE = ["x", "y", "PROD", "guarde", "Guarded_x"]
NAMES = st.sampled_from(FREE)
VERSIONS = st.sampled_from(["1", 2, "03", "99", "one"])
ALIASES = st.sampled_from(["production", "Production", "staging", "live", "latest"])
STAGES = st.sampled_from(["None", "staging", "Production", "ARCHIVED", "Live"])
KEYS = st.sampled_from(["k", "hotpass.decision", "hotpass.stage", MARK])
VALUES = st.sampled_from(["true", "v", ""])
CALLS = st.one_of(
    st.tuples(st.just("create_registered_model"), NAMES),
    st.tuples(st.just("create_model_version"), NAMES, st.sampled_from(["s3://b/m", "models:/x/1"])),
    st.tuples(st.just("transition_model_version_stage"), NAMES, VERSIONS, STAGES, st.booleans()),
    st.tuples(st.just("set_registered_model_alias"), NAMES, ALIASES, VERSIONS),
    st.tuples(st.just("delete_registered_model_alias"), NAMES, ALIASES),
    st.tuples(st.just("set_model_version_tag"), NAMES, VERSIONS, st.builds(ModelVersionTag, KEYS, VALUES)),
    st.tuples(st.just("delete_model_version_tag"), NAMES, VERSIONS, KEYS),
    st.tuples(st.just("set_registered_model_tag"), NAMES, st.builds(RegisteredModelTag, KEYS, VALUES)),
    st.tuples(st.just("delete_registered_model_tag"), NAMES, KEYS),
    st.tuples(st.just("rename_registered_model"), NAMES, NAMES),
    st.tuples(st.just("delete_model_version"), NAMES, VERSIONS),
    st.tuples(st.just("delete_registered_model"), NAMES),
)


def test_any_sequence_of_calls_answers_as_mlflows(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with two_sides("sqlite", request, tmp_path, False) as sides:

        @settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(st.lists(CALLS, min_size=5, max_size=20))
        def same(calls: list[Call]) -> None:
            for side in sides:
                for name in FREE:
                    with contextlib.suppress(MlflowException):
                        side.plain.client._get_registry_client().store.delete_registered_model(name)
            start: list[Call] = [
                ("create_registered_model", "x"),
                *[("create_model_version", "x", "s3://b/m")] * 3,
            ]
            for call in [*start, *calls, ("search_registered_models",), ("search_model_versions",)]:
                plain, guarded = (side.call(*call) for side in sides)
                assert guarded == plain, call

        same()
