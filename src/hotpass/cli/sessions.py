"""Opens the registry for a command: MLflow quiet, policies found as the command line finds them."""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hotpass.cli import output
from hotpass.cli.quiet import quiet
from hotpass.errors import CallError
from hotpass.stages import ModelStage, canonical, is_native

if TYPE_CHECKING:
    import pluggy

    from hotpass.api import Session
    from hotpass.ledger.seal import Seal
    from hotpass.policy.model import PolicySet


def open_to_judge(
    policies: Sequence[Path] | None,
    plugins: Sequence[Path] | None,
    registry_uri: str | None,
    tracking_uri: str | None,
    *,
    stage: str,
    version: str | None,
    policies_from: str | None = None,
) -> tuple[Session, str]:
    """A session with the policies in force, and the target stage as it is spelt.

    Raises what `hotpass.api.connect` raises, and CallError for a stage or a version that makes no sense. That
    is looked at before the registry is opened.
    """
    from hotpass.settings import version_of

    if version is not None:
        version_of(version)
    with contextlib.ExitStack() as copy:
        found, manager = _in_force(copy, policies_from, policies, plugins, registry_uri, tracking_uri)
        try:
            to_stage = target_stage(found, stage)
        except CallError:
            # The policies of a guard may have stages that those here do not.
            if not _on_a_server(registry_uri, tracking_uri):
                raise
            session = _connected(found, manager, registry_uri, tracking_uri)
            if not session.look_for_guard():
                raise
            to_stage = canonical(stage)
        else:
            session = _connected(found, manager, registry_uri, tracking_uri)
        session.at_exit(copy.pop_all().close)
        return session, to_stage


def _on_a_server(registry_uri: str | None, tracking_uri: str | None) -> bool:
    named = [registry_uri, tracking_uri, *map(os.environ.get, ("MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI"))]
    return next((uri for uri in named if uri), "").startswith(("http://", "https://"))


def open_to_scan(
    policies: Sequence[Path] | None,
    plugins: Sequence[Path] | None,
    registry_uri: str | None,
    tracking_uri: str | None,
    policies_from: str | None = None,
) -> Session:
    """A session with the policies in force, which say what they cover. Raises what `connect` raises."""
    with contextlib.ExitStack() as copy:
        found, manager = _in_force(copy, policies_from, policies, plugins, registry_uri, tracking_uri)
        session = _connected(found, manager, registry_uri, tracking_uri)
        session.at_exit(copy.pop_all().close)
        return session


def _in_force(
    copy: contextlib.ExitStack,
    policies_from: str | None,
    policies: Sequence[Path] | None,
    plugins: Sequence[Path] | None,
    registry_uri: str | None,
    tracking_uri: str | None,
) -> tuple[PolicySet, pluggy.PluginManager]:
    quiet()
    _check_uris(registry_uri, tracking_uri)
    from hotpass.policy.revision import materialized

    rules = copy.enter_context(materialized(policies_from, policies, plugins, judging=True))
    if rules.revision is not None:
        tell(f"Policies and plugin folders are those of {rules.revision}.")
    manager = rules.manager()
    return rules.load(manager), manager


def _connected(
    policies: PolicySet, manager: pluggy.PluginManager, registry_uri: str | None, tracking_uri: str | None
) -> Session:
    from hotpass.api import connect

    with _opening():
        return connect(
            policies=policies,
            manager=manager,
            registry_uri=registry_uri,
            tracking_uri=tracking_uri,
            notify=tell,
        )


def open_to_look(registry_uri: str | None, tracking_uri: str | None) -> Session:
    """A session without policies and plugins, so that a broken one does not hide what there is to see."""
    quiet()
    _check_uris(registry_uri, tracking_uri)
    from hotpass.plugins import create_manager
    from hotpass.policy.model import PolicySet

    return _connected(PolicySet(), create_manager(entry_points=False), registry_uri, tracking_uri)


def guards_seal(key_file: Path | None) -> Seal | None:
    """The seal of the guard whose key is in `key_file`, else where HOTPASS_GUARD_KEY_FILE says.

    Raises CallError for a key that cannot be used.
    """
    from hotpass.guard.guard_settings import KEY_FILE, GuardSettings

    named = os.environ.get(KEY_FILE)
    file = key_file or (Path(named) if named else None)
    return GuardSettings(registry_uri="", tracking_uri="", key_file=file).seal()


@contextlib.contextmanager
def _opening() -> Iterator[None]:
    """A sign of life in a terminal: MLflow takes seconds to load."""
    if not sys.stderr.isatty():
        yield
        return
    with output.console(stderr=True).status("Opening the registry …"):
        yield


def _check_uris(registry_uri: str | None, tracking_uri: str | None) -> None:
    """An empty URI, as an unset variable in a script leaves it, must not mean some other registry."""
    for option, uri in (("--registry-uri", registry_uri), ("--tracking-uri", tracking_uri)):
        if uri is not None and not uri.strip():
            raise CallError(f"{option} is empty. Name one, or leave it out for MLflow's own setting.")


def tell(text: str) -> None:
    """What is going on, on stderr, so that stdout holds the result alone."""
    output.say(text, stderr=True)


def target_stage(policies: PolicySet, stage: str) -> str:
    """`stage` as it is spelt. Raises CallError for one that is not MLflow's and that no policy names.

    A slip of the pen would otherwise become a stage of its own.
    """
    name = canonical(stage)
    if is_native(name):
        return name
    known = dict.fromkeys(str(member) for member in ModelStage)
    for policy in policies.policies:
        for entry in policy.promotions:
            known.update(dict.fromkeys([entry.to_stage, *([entry.from_stage] if entry.from_stage else [])]))
    same = next((other for other in known if other.lower() == name.lower()), None)
    if same is not None:
        return same
    close = difflib.get_close_matches(name.lower(), {other.lower(): other for other in known}, n=1)
    likely = next((other for other in known if close and other.lower() == close[0]), None)
    raise CallError(
        f"there is no stage {stage!r}." + (f" Did you mean {likely}?" if likely else "")
        + f" The stages are {', '.join(known)}; a policy that promotes to another one adds it."
    )  # fmt: skip
