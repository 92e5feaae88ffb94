"""`hotpass policy explain`: the policies in plain sentences."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hotpass.cli import output
from hotpass.cli.options import JsonOption, ModelOption, PathsArgument, PluginsOption, PoliciesFromOption
from hotpass.cli.policy_backtest import TextForm, TextFormOption
from hotpass.errors import CallError, NotFound, PolicyError, Problem

if TYPE_CHECKING:
    from hotpass.policy.model import PolicySet


def explain(
    paths: PathsArgument = None,
    model: ModelOption = None,
    plugins: PluginsOption = None,
    policies_from: PoliciesFromOption = None,
    form: TextFormOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say in plain sentences what the policies ask for, for people who do not read YAML.

    Exit code 0, or 2 if a policy is wrong.
    """
    from hotpass.policy.explained import as_markdown, as_text
    from hotpass.policy.explaining import explain as in_words
    from hotpass.policy.revision import materialized
    from hotpass.reports.markdown import escaped
    from hotpass.texts import printable

    if as_json and form not in (None, TextForm.JSON):
        raise CallError(f"--json and --format {form} contradict each other. Leave one out.")
    with materialized(policies_from, paths, plugins) as rules:
        if not rules.policies.configured:
            remedy = "Name files or folders: `hotpass policy explain PATH…`, or run `hotpass init`."
            what = "no such folder, and nothing else names one"
            raise PolicyError([Problem("policies", 0, 0, what, remedy, "no-policies")])
        found = rules.load(rules.manager())
        explained = in_words(found if model is None else _about(found, model), datetime.now(UTC))
    if as_json or form is TextForm.JSON:
        output.print_json({"policies": [one.as_json() for one in explained]})
    elif form is TextForm.MARKDOWN:
        print(printable(as_markdown(explained, escaped)), end="")
    else:
        print(printable(as_text(explained)), end="")


def _about(found: PolicySet, model: str) -> PolicySet:
    from hotpass.policy.model import PolicySet
    from hotpass.policy.words import closest

    covering = found.covering(model)
    if not covering:
        meant = closest(model, [pattern for policy in found.policies for pattern in policy.models])
        hint = f" Did you mean {meant}?" if meant else ""
        patterns = ", ".join(pattern for policy in found.policies for pattern in policy.models)
        raise NotFound(
            f"no policy is about the model {model}; they are about {patterns}.{hint} Where none is, a "
            "version "
            "goes to Production only from Staging, and a guarded server leaves the model alone."
        )
    waivers = tuple(waiver for waiver in found.waivers if waiver.model == model)
    return PolicySet(covering, found.source, found.configured, waivers)
