"""Every hook of Hotpass: the plugin author's manual.

A plugin is a module (or object) with functions marked `@hotpass.hookimpl`. It is found through the
entry-point group `hotpass`, or, for gates kept beside the policies, in a plugin folder (`--plugins`,
`[tool.hotpass] plugins` in pyproject.toml, or `HOTPASS_PLUGINS`). A hook takes any subset of the arguments
below, by name. A misspelt hook is an error.

Keep the module thin: import pandas, scikit-learn or MLflow inside the hook, since policies are linted without
them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pluggy

from hotpass.candidate import Candidate
from hotpass.gates import Gate
from hotpass.metrics import Metric
from hotpass.verdicts import Decision, Json

if TYPE_CHECKING:
    import typer

    from hotpass.requests import ScoringRequest, TrainingRequest

hookspec = pluggy.HookspecMarker("hotpass")
hookimpl = pluggy.HookimplMarker("hotpass")

# --- while policies are loaded ------------------------------------------------------------------------------


@hookspec
def hotpass_gates() -> Iterable[type[Gate]]:  # type: ignore[empty-body]
    """Contribute gates. Fires once for each plugin manager, before policies are read.

    Returns gate classes; two plugins with a gate of the same name are an error that names both.

        @hookimpl
        def hotpass_gates():
            return [MinimumRows]
    """


@hookspec
def hotpass_metrics() -> Iterable[Metric]:  # type: ignore[empty-body]
    """Contribute metrics, for the `evaluation` gate to measure beside those that it knows.

    Fires in the process that measures, which has the data and no credentials, where a policy names a metric
    that the gate does not know. Returns `hotpass.metrics.Metric`s; two plugins with a metric of the same name
    are an error that names both. Keep the module importable without a registry, and without what only the
    gates of the same file need.

        @hookimpl
        def hotpass_metrics():
            return [Metric("gini", higher_is_better=True, compute=gini)]
    """


# --- while a promotion is judged ----------------------------------------------------------------------------


@hookspec
def hotpass_veto(candidate: Candidate, now: datetime) -> str | None:
    """Veto any promotion, whatever the policies say: for rules of a whole organisation.

    Fires after all gates, for promotions and rollbacks alike. Return the reason as a sentence to veto; None
    has no objection. An exception counts as a veto.

        @hookimpl
        def hotpass_veto(candidate, now):
            if now.weekday() == 4 and candidate.to_stage == "Production":
                return "nothing goes to Production on a Friday"
    """


@hookspec(firstresult=True)
def hotpass_evidence(candidate: Candidate, name: str) -> Json:
    """Supply evidence that MLflow does not hold, under a name that a gate asks for by
    `candidate.evidence(name)`.

    Fires when a gate first asks, and at most once for each version and name; the first plugin that does not
    return None answers. Return JSON types only: the value goes into the record. For evidence about the
    champion, the champion stands in the candidate's place. Where no plugin answers, the gate gets a KeyError.

        @hookimpl
        def hotpass_evidence(candidate, name):
            if name == "open_incidents":
                return count_incidents(candidate.model)
    """


# --- after it is judged -------------------------------------------------------------------------------------


@hookspec
def hotpass_decided(decision: Decision) -> None:
    """Be told of every decision that went into the ledger: allowed, denied, pending.

    Fires once the decision is on record; for an allowed one, after the move was made or given up. What it
    raises is reported as a warning and changes nothing.

        @hookimpl
        def hotpass_decided(decision):
            log.info("%s", decision.summary())
    """


@hookspec
def hotpass_promoted(decision: Decision) -> None:
    """Be told of a completed promotion or rollback, after the registry was read back.

    What it raises is reported as a warning and changes nothing.

        @hookimpl
        def hotpass_promoted(decision):
            restart_service(decision.identity.model, decision.identity.version)
    """


# --- training and scoring -----------------------------------------------------------------------------------


@hookspec(firstresult=True)
def hotpass_train(request: TrainingRequest) -> Any:
    """Train a model. The first plugin that does not return None has done it; return None for what is not
    yours.

    Gets a `hotpass.requests.TrainingRequest`; returns a `hotpass.requests.TrainingResult`. The default
    trainer answers last, so that a team's own is asked first.

        @hookimpl
        def hotpass_train(request):
            if request.estimator == "our_ranker":
                return train_our_ranker(request)
    """


@hookspec(firstresult=True)
def hotpass_score(request: ScoringRequest) -> Any:
    """Score a table of leads. The first plugin that does not return None has done it.

    Gets a `hotpass.requests.ScoringRequest` (a model and a data frame); returns a sequence of one score in
    [0, 1] for each row, in the order of the rows.

        @hookimpl
        def hotpass_score(request):
            if hasattr(request.model, "rank"):
                return request.model.rank(request.frame)
    """


# --- the command line ---------------------------------------------------------------------------------------


@hookspec
def hotpass_cli(app: typer.Typer) -> None:
    """Add commands to `hotpass`. Fires when the command asked for is not a built-in one, for `hotpass --help`
    and for shell completion, so that built-in commands do not wait for plugins.

    Gets a Typer app of the plugin's own, whose commands then stand beside the built-in ones. A name that is
    taken is an error. For a plugin in a folder, `HOTPASS_PLUGINS` or pyproject.toml must name the folder.

        @hookimpl
        def hotpass_cli(app):
            @app.command()
            def hello():
                "Say hello."
                print("hello")
    """
