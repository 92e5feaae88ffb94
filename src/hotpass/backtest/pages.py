"""MLflow's paged searches, with as little as possible between the answer and the facts.

Over HTTP the answers are read as JSON: MLflow's client makes protobuf messages of them first, and entities of
those, which takes longer than all that is done with them here. Several pages are asked for at a time, since a
server takes most of a search to load and to spell out what it found. With a database, the store is asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import islice
from types import SimpleNamespace
from typing import Any, Literal

from hotpass.errors import RegistryError
from hotpass.facts import VersionFacts
from hotpass.registry import convert
from hotpass.registry.calls import call
from hotpass.registry.filters import name_is
from hotpass.registry.port import ModelFacts

#: Requests under way at a time: as many as `mlflow server` has processes, if nobody says otherwise.
AT_ONCE = 4
#: Runs and LoggedModels that are asked for by id in one request.
IDS = 250
#: Records, versions and models in a page: MLflow allows 50,000, 200,000 and 1,000.
RECORDS, VERSIONS, MODELS, EXPERIMENTS = 5_000, 10_000, 1_000, 1_000

_PATH = "/api/2.0/mlflow"


class Searches:
    """The searches of one store, a tracking store or a registry."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self._http = _Http(store) if _speaks_http(store) else None

    @property
    def over_http(self) -> bool:
        """Whether a server answers, which can do several things at a time."""
        return self._http is not None

    def models(self) -> Iterator[ModelFacts]:
        """Every registered model, without its newest versions."""
        if self._http is not None:
            for page in self._http.pages("GET", "registered-models/search", {"max_results": MODELS}):
                for said in page.get("registered_models", ()):
                    aliases = {a["alias"]: int(a["version"]) for a in said.get("aliases", ())}
                    workspace = said.get("workspace") or "default"
                    yield ModelFacts(said["name"], _pairs(said.get("tags", ())), aliases, (), workspace)
            return
        search = self._store.search_registered_models
        for model in _every("list the models", search, max_results=MODELS):
            aliases = {alias: int(version) for alias, version in (model.aliases or {}).items()}
            workspace = getattr(model, "workspace", None) or "default"
            yield ModelFacts(model.name, dict(model.tags or {}), aliases, (), workspace)

    def versions(
        self, model: str | None, aliases: Callable[[str], Mapping[str, int]]
    ) -> Iterator[VersionFacts]:
        """Every version of `model`, or of all models. `aliases` are those of a model, which MLflow's search
        leaves out.
        """
        for version in self._versions(model):
            number = int(version.version)
            pointing = sorted(alias for alias, held in aliases(version.name).items() if held == number)
            yield convert.version_facts(version, tuple(pointing))

    def _versions(self, model: str | None) -> Iterator[Any]:
        where = "" if model is None else name_is(model)
        if self._http is None:
            search = self._store.search_model_versions
            yield from _every("list versions", search, filter_string=where or None, max_results=VERSIONS)
            return
        asked = {"max_results": VERSIONS, **({"filter": where} if where else {})}
        for page in self._http.pages("GET", "model-versions/search", asked):
            yield from map(_version, page.get("model_versions", ()))

    def experiments(self) -> Iterator[Any]:
        """Every experiment, deleted ones too, with its id, its name and its tags."""
        if self._http is None:
            from mlflow.entities import ViewType

            search = self._store.search_experiments
            yield from _every("list the experiments", search, view_type=ViewType.ALL, max_results=EXPERIMENTS)
            return
        asked = {"max_results": EXPERIMENTS, "view_type": "ALL"}
        for page in self._http.pages("POST", "experiments/search", asked):
            for said in page.get("experiments", ()):
                yield SimpleNamespace(
                    experiment_id=said["experiment_id"], name=said["name"],
                    tags=_pairs(said.get("tags", ())), lifecycle_stage=said.get("lifecycle_stage", "active"),
                )  # fmt: skip

    def records(self, experiments: Sequence[str]) -> Iterator[Any]:
        """Every run of these experiments that was not deleted."""
        parts = [list(experiments[start::AT_ONCE]) for start in range(AT_ONCE)]
        for some in self._runs([(part, "") for part in parts if part], "ACTIVE_ONLY", RECORDS):
            yield from some

    def runs(self, experiments: Sequence[str], ids: Sequence[str]) -> Iterator[list[Any]]:
        """The runs with these ids that are in these experiments, some hundred at a time."""
        filters = [f"attributes.run_id IN ({_quoted(some)})" for some in chunks(ids)] if experiments else []
        return self._runs([(list(experiments), where) for where in filters], "ALL", IDS)

    def _runs(
        self, asked: Sequence[tuple[list[str], str]], view: Literal["ALL", "ACTIVE_ONLY"], size: int
    ) -> Iterator[list[Any]]:
        """What is found in each of some experiments by a filter, in pages of this size."""
        if self._http is None:
            from mlflow.entities import ViewType

            search = self._store.search_runs
            for experiments, where in asked:
                yield list(_every(
                    "read runs", search, experiment_ids=experiments, filter_string=where,
                    run_view_type=getattr(ViewType, view), max_results=size,
                ))  # fmt: skip
            return
        bodies = [
            {"experiment_ids": experiments, "filter": where, "run_view_type": view, "max_results": size}
            for experiments, where in asked
        ]
        for pages in self._http.at_once("runs/search", bodies):
            yield [_run(said) for page in pages for said in page.get("runs", ())]

    def logged_models(self, experiments: Sequence[str], ids: Sequence[str]) -> Iterator[list[Any]]:
        """The LoggedModels with these ids that are in these experiments, some hundred at a time."""
        filters = [f"model_id IN ({_quoted(some)})" for some in chunks(ids)] if experiments else []
        if self._http is None:
            search = self._store.search_logged_models
            for where in filters:
                yield list(_every(
                    "read logged models", search, experiment_ids=list(experiments), filter_string=where,
                    max_results=IDS,
                ))  # fmt: skip
            return
        bodies = [
            {"experiment_ids": list(experiments), "filter": where, "max_results": IDS} for where in filters
        ]
        for pages in self._http.at_once("logged-models/search", bodies):
            yield [_logged_model(said) for page in pages for said in page.get("models", ())]


def _every(what: str, search: Callable[..., Any], **asked: Any) -> Iterator[Any]:
    """Every result of a search of a store, page by page."""
    token = None
    while True:
        found = call(what, search, **asked, page_token=token)
        yield from found
        token = found.token
        if not token:
            return


def _speaks_http(store: Any) -> bool:
    """Whether it is MLflow's own client of a tracking server, of which the requests are known."""
    return type(store).__module__.endswith(".rest_store") and type(store).__module__.startswith(
        "mlflow.store."
    )


class _Http:
    """Requests to a tracking server, with the credentials and the headers of MLflow's client."""

    def __init__(self, store: Any) -> None:
        self._credentials: Callable[[], Any] = store.get_host_creds

    def pages(self, method: str, path: str, asked: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Every page of a search."""
        token = None
        while True:
            answer = self.ask(method, path, {**asked, **({"page_token": token} if token else {})})
            yield answer
            token = answer.get("next_page_token")
            if not token:
                return

    def at_once(self, path: str, bodies: Sequence[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
        """All pages of each of several searches, in their order; a few requests are under way at a time, and
        as many answers are waiting.
        """

        def every_page(body: Mapping[str, Any]) -> list[dict[str, Any]]:
            return list(self.pages("POST", path, body))

        with ThreadPoolExecutor(AT_ONCE) as pool:
            # MLflow keeps the workspace in the context, which a thread does not get by itself.
            left = iter(bodies)
            waiting = [
                pool.submit(copy_context().run, every_page, body) for body in islice(left, 2 * AT_ONCE)
            ]
            try:
                while waiting:
                    yield waiting.pop(0).result()
                    waiting += [pool.submit(copy_context().run, every_page, body) for body in islice(left, 1)]
            finally:
                for future in waiting:
                    future.cancel()

    def ask(self, method: str, path: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to one request. Raises RegistryError."""
        from mlflow.utils.rest_utils import http_request, verify_rest_response

        place = f"{_PATH}/{path}"

        def send() -> Any:
            sent = {"params": asked} if method == "GET" else {"json": asked}
            answer = http_request(self._credentials(), place, method, **sent)
            return answer if answer.status_code == 200 else verify_rest_response(answer, place)

        answer = call(f"search ({path})", send)
        try:
            said = json.loads(answer.content)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise RegistryError(f"the answer to {path} is not JSON. Is that an MLflow server?")
        return said


def chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """`ids` in parts of at most IDS."""
    return (ids[start : start + IDS] for start in range(0, len(ids), IDS))


def _quoted(ids: Iterable[str]) -> str:
    return ", ".join(f"'{one}'" for one in ids)


# --- what a server says, as the entities that `convert` takes -----------------------------------------------


def _pairs(said: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {one["key"]: one.get("value", "") for one in said}


def _version(said: Mapping[str, Any]) -> Any:
    return SimpleNamespace(
        name=said["name"], version=said["version"], creation_timestamp=said.get("creation_timestamp"),
        current_stage=said.get("current_stage"), source=said.get("source"), run_id=said.get("run_id"),
        last_updated_timestamp=said.get("last_updated_timestamp"), description=said.get("description"),
        aliases=(), tags=_pairs(said.get("tags", ())), workspace=said.get("workspace"),
        model_id=said.get("model_id"),
    )  # fmt: skip


def _run(said: Mapping[str, Any]) -> Any:
    info, data = said["info"], said.get("data", {})
    inputs = [
        SimpleNamespace(
            dataset=SimpleNamespace(name=one["dataset"]["name"], digest=one["dataset"]["digest"]),
            tags=[SimpleNamespace(**tag) for tag in one.get("tags", ())],
        )
        for one in said.get("inputs", {}).get("dataset_inputs", ())
    ]
    return SimpleNamespace(
        info=SimpleNamespace(
            run_id=info["run_id"], experiment_id=info.get("experiment_id", ""),
            start_time=_time(info.get("start_time")), end_time=_time(info.get("end_time")),
            status=info.get("status", ""), lifecycle_stage=info.get("lifecycle_stage", "active"),
        ),
        data=SimpleNamespace(
            metrics={one["key"]: float(one.get("value", 0)) for one in data.get("metrics", ())},
            params=_pairs(data.get("params", ())),
            tags=_pairs(data.get("tags", ())),
        ),
        inputs=SimpleNamespace(dataset_inputs=inputs),
    )  # fmt: skip


def _logged_model(said: Mapping[str, Any]) -> Any:
    info, data = said["info"], said.get("data", {})
    metrics = [
        SimpleNamespace(
            key=one["key"], value=float(one.get("value", 0)), timestamp=_time(one.get("timestamp")),
            step=int(one.get("step", 0)), run_id=one.get("run_id"), dataset_name=one.get("dataset_name"),
            dataset_digest=one.get("dataset_digest"),
        )
        for one in data.get("metrics", ())
    ]  # fmt: skip
    return SimpleNamespace(
        model_id=info["model_id"], experiment_id=info.get("experiment_id", ""), metrics=metrics,
        params=_pairs(data.get("params", ())), tags=_pairs(info.get("tags", ())),
        artifact_location=info.get("artifact_uri", ""),
    )  # fmt: skip


def _time(said: Any) -> int | None:
    return None if said is None else int(said)
