"""The client of a guard: one request for each thing that a Session does.

Whether a server has a guard shows in its first answer: a guard puts a header into all of its answers, and
what comes without it comes from a plain MLflow server, or from something before it. Both is remembered for
the process. So the first question is one that a client without a guard has to ask anyway, what the registry
knows of the model: it costs a plain server nothing.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from hotpass.approving import Word
from hotpass.errors import (
    ArtifactsChanged,
    CallError,
    HotpassError,
    LedgerError,
    NotFound,
    PromotionDenied,
    PromotionOvertaken,
    PromotionPending,
    RegistryError,
)
from hotpass.ledger.record import Entry
from hotpass.registry.calls import call, masked
from hotpass.resolving import Request
from hotpass.verdicts import Decision, Json
from hotpass.wire import ACTOR_HEADER, GUARD_HEADER, KEY_HEADER, PATH, entry_from_json

if TYPE_CHECKING:
    from hotpass.policy.model import PolicySet
    from hotpass.registry.mlflow_registry import MlflowRegistry

log = logging.getLogger("hotpass")

#: Whether the server at a URI has a guard, as far as this process knows.
_guarded: dict[str, bool] = {}

#: What another try can mend. Not 500: the guard says there what broke.
RETRIED = frozenset({408, 429, 502, 503, 504})
#: Where MLflow says what it knows of a model.
MODEL_PATH = "/api/2.0/mlflow/registered-models/get"

#: Seconds for which an answer is waited for where gates are asked: one that measures reads data and asks
#: models, and to send the request again would have it done twice.
JUDGING_SECONDS = 3600
_JUDGING = frozenset({"check", "promote", "rollback"})

_KINDS: Mapping[str, type[HotpassError]] = {
    kind.__name__: kind for kind in (ArtifactsChanged, CallError, LedgerError, NotFound, RegistryError)
}
_REFUSALS: Mapping[str, type[PromotionDenied]] = {
    kind.__name__: kind for kind in (PromotionDenied, PromotionOvertaken, PromotionPending)
}


class Remote:
    """The guard of a registry on an http(s) server, if it has one.

    Every method returns None where it has none; nothing was done then, and the caller does it itself.
    """

    def __init__(
        self,
        registry: MlflowRegistry,
        *,
        actor: str,
        local: PolicySet,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        """`actor` is who the client says to be, `local` the policies that a guard makes irrelevant."""
        self.uri = registry.uri
        self._registry = registry
        self._credentials: Callable[[], Any] = registry.store.get_host_creds
        self._actor = actor
        self._local = local
        self._told = False
        self._notify = notify or log.warning

    @property
    def found(self) -> bool | None:
        """Whether there is a guard; None: nobody has asked yet."""
        return _guarded.get(self.uri)

    def look(self) -> bool:
        """Whether there is a guard, with a request where that is not known."""
        return self.found if self.found is not None else self._ask("GET", "policies") is not None

    def decide(self, request: Request, *, check: bool) -> Decision | None:
        """The guard's decision. Raises as `Promoter.promote`, or with `check` as `Promoter.check` does."""
        body: dict[str, Json] = {"model": request.model}
        if request.rollback:
            route = "rollback"
            body |= {"stage": request.to_stage, "reason": request.reason, "dry_run": check}
            if request.version is not None:
                body["to_version"] = request.version
        else:
            route = "check" if check else "promote"
            body |= {"version": request.version, "to": request.to_stage}
            body |= {} if request.archive_existing is None else {"archive_existing": request.archive_existing}
            body |= {} if check else {"reason": request.reason}
        if request.overrides:
            body["overrides"] = list(request.overrides)
        answer = self._ask("POST", route, body, key=None if check else request.request_id)
        if answer is None:
            return None
        decision = _drawn(Decision.from_json(_part(answer, "decision", dict)), answer.get("exhibits"))
        self._say_what_is_ignored(decision)
        return decision

    def say(self, route: Literal["approve", "withdraw"], word: Word) -> Entry | None:
        """Approves, or takes the approval back; the record of that. Raises as `approving` does."""
        body = {"model": word.model, "version": word.version, "to": word.stage, "reason": word.reason}
        answer = self._ask("POST", route, body, key=word.request_id)
        return None if answer is None else entry_from_json(_part(answer, "entry", dict))

    def history(self, model: str, version: int | None = None) -> list[Entry] | None:
        """Every record about `model` (or one version of it), oldest first. Raises NotFound, RegistryError."""
        params = {"model": model} if version is None else {"model": model, "version": str(version)}
        answer = self._ask("GET", "history", params=params)
        if answer is None:
            return None
        return [entry_from_json(entry) for entry in _part(answer, "entries", list)]

    def adopt(self, model: str, *, dry_run: bool) -> dict[str, Json] | None:
        """As `Session.adopt`."""
        answer = self._ask("POST", "adopt", {"model": model, "dry_run": dry_run})
        return None if answer is None else _part(answer, "adopted", dict)

    def _say_what_is_ignored(self, decision: Decision) -> None:
        if self._local.policies and not self._told:
            self._told = True
            here = {policy.digest for policy in self._local.covering(decision.identity.model)}
            if here == {ref.digest for ref in decision.policies}:  # they are the same files
                self._say_which_waivers_are_ignored(decision)
                return
            theirs = ", ".join(ref.name for ref in decision.policies) or "none of them covers this model"
            self._notify(
                f"the guard at {masked(self.uri)} decides by its own policies ({theirs}); "
                f"those of {self._local.source or 'the call'} are ignored"
            )

    def _say_which_waivers_are_ignored(self, decision: Decision) -> None:
        """Waivers that the guard does not have help nobody here, and somebody may wonder why."""
        of_version = [
            waiver
            for waiver in self._local.waivers_of(decision.identity.model)
            if waiver.is_about(decision.identity, decision.to_stage)
        ]
        used = {judgement.excuse.digest for judgement in decision.excused if judgement.excuse}
        ignored = [waiver.name for waiver in of_version if waiver.digest not in used]
        if ignored and decision.blocking:
            self._notify(
                f"the guard at {masked(self.uri)} decides by its own waivers; of those here it did not use "
                f"{', '.join(ignored)}"
            )

    def _ask(
        self,
        method: str,
        route: str,
        body: Json = None,
        *,
        params: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> dict[str, Json] | None:
        """The guard's answer; None where there is no guard. With a `key` (one is made up for "") it is
        carried out once, however often it has to be sent.
        """
        model = (params or body or {}).get("model")
        if self.found is None and model is not None:
            self._find(str(model))
        if self.found is False:
            return None
        headers = {ACTOR_HEADER: quote(self._actor, safe="")}
        if key is not None:
            headers[KEY_HEADER] = key or uuid.uuid4().hex
        sent: dict[str, Any] = {"params": params} if params else {"json": body} if body is not None else {}
        if route in _JUDGING:
            sent["timeout"] = JUDGING_SECONDS
        answer = self._send(method, f"{PATH}/{route}", extra_headers=headers, **sent)
        return self._read(answer) if self.found else None

    def _find(self, model: str) -> None:
        """Asks what the registry knows of `model`, for the header of the answer. A plain server's answer is
        given to the registry, which has to ask that next.
        """
        answer = self._send("GET", MODEL_PATH, params={"name": model})
        if not self.found and answer.status_code == 200:
            self._registry.was_told(model, answer.json())

    def _send(self, method: str, path: str, **sent: Any) -> Any:
        """The server's answer; from then on it is known whether there is a guard."""
        from mlflow.exceptions import MlflowException
        from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE
        from mlflow.utils.rest_utils import http_request

        def ask() -> Any:
            got = http_request(
                self._credentials(), path, method, retry_codes=RETRIED, raise_on_status=False, **sent
            )
            if got.status_code in RETRIED and GUARD_HEADER not in got.headers:
                # Nothing that says whether there is a guard; worth another try.
                raise MlflowException(f"it answers HTTP {got.status_code}", TEMPORARILY_UNAVAILABLE)
            return got

        answer = call(f"ask the server at {self.uri}", ask)
        if answer.status_code == 401:
            raise RegistryError(
                f"the server at {masked(self.uri)} does not know who you are (HTTP 401). Set "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
            )
        if GUARD_HEADER in answer.headers:
            _guarded[self.uri] = True
        else:
            self._no_guard(answer.status_code)
        return answer

    def _no_guard(self, status: int) -> None:
        """Remembers that there is none. Raises RegistryError where the answer says nothing about that."""
        if status >= 500:
            raise RegistryError(
                f"the server at {masked(self.uri)} answers HTTP {status}. Nothing was moved; try again."
            )
        if self.found:
            raise RegistryError(
                f"the server at {masked(self.uri)} had a guard and answers without one now (HTTP {status}). "
                "Nothing was moved. Is it being restarted?"
            )
        _guarded[self.uri] = False

    def _read(self, answer: Any) -> dict[str, Json]:
        try:
            said = answer.json()
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise RegistryError(
                f"the guard at {masked(self.uri)} answers HTTP {answer.status_code} and no JSON object"
            )
        if answer.status_code == 200:
            return said
        message, kind = str(said.get("message", f"HTTP {answer.status_code}")), str(said.get("kind", ""))
        if kind in _REFUSALS and "decision" in said:
            decision = Decision.from_json(_part(said, "decision", dict))
            self._say_what_is_ignored(decision)
            raise _REFUSALS[kind](message, decision)
        if kind in _KINDS:
            raise _KINDS[kind](message)
        raise RegistryError(f"the guard at {masked(self.uri)}: {message}")


def remote_of(
    registry: MlflowRegistry, *, actor: str, local: PolicySet, notify: Callable[[str], None] | None = None
) -> Remote | None:
    """The guard that may be at the registry; None for one that is no server over HTTP."""
    if not registry.uri.startswith(("http://", "https://")):
        return None
    return Remote(registry, actor=actor, local=local, notify=notify)


def _drawn(decision: Decision, exhibits: object) -> Decision:
    """The decision with what its gates drew; a list for each judgement, or nothing."""
    if not isinstance(exhibits, list) or len(exhibits) != len(decision.judgements):
        return decision
    judgements = tuple(
        judgement._replace(
            result=judgement.result._replace(exhibits=drawn if isinstance(drawn, list) else ())
        )
        for judgement, drawn in zip(decision.judgements, exhibits, strict=True)
    )
    return replace(decision, judgements=judgements)


def _part(answer: Mapping[str, Any], name: str, kind: type[Any]) -> Any:
    found = answer.get(name)
    if not isinstance(found, kind):
        raise RegistryError(f"the guard's answer has no {name!r} that can be read")
    return found
