"""What is asked of the hooks that judge: that they answer on any candidate, and for themselves alone.

Hooks that do something (`hotpass_decided`, `hotpass_promoted`, `hotpass_train`, `hotpass_score`) are not
called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pluggy

from hotpass.checking.candidates import TRIALS
from hotpass.checking.findings import Begun, Found
from hotpass.checking.gate_trials import Steps, brief, in_words
from hotpass.testing import NOW, candidate
from hotpass.verdicts import is_json

#: No plugin has evidence of this name.
UNKNOWN = "hotpass_plugins_check_asks_for_what_nobody_has"


def try_veto(hook: pluggy.HookImpl) -> Steps:
    """`hotpass_veto` on all candidates."""
    for trial in TRIALS:
        yield Begun(f"is asked about a candidate {trial.about}")
        try:
            answer = _call(hook, {"candidate": trial.make(), "now": NOW})
        except Exception as error:
            yield Found(
                f"raised {in_words(error)} on a candidate {trial.about}, which counts as a veto",
                "Return the reason as a sentence, or None where there is no objection.",
            )  # fmt: skip
            return
        if answer is not None and (not isinstance(answer, str) or not answer.strip()):
            said = brief(repr(answer))
            yield Found(f"returned {said} of a candidate {trial.about}, which counts as a veto",
                        "Return the reason as a sentence, or None where there is no objection.")  # fmt: skip
            return


def try_evidence(hook: pluggy.HookImpl) -> Steps:
    """`hotpass_evidence`, asked for a name that is nobody's."""
    yield Begun("is asked for evidence that nobody has")
    try:
        answer = _call(hook, {"candidate": candidate(), "name": UNKNOWN})
    except Exception as error:
        yield Found(
            f"raised {in_words(error)} when asked for a name that it does not know",
            "Return None for every name that is not yours: other plugins are asked after it.",
        )  # fmt: skip
        return
    if answer is not None:
        what = brief(repr(answer)) if is_json(answer) else f"{brief(repr(answer))}, which is not even JSON,"
        yield Found(
            f"returned {what} for a name that it cannot know, and so no other plugin is asked",
            "Return None for every name that is not yours.",
        )  # fmt: skip


HOOKS: Mapping[str, Callable[[pluggy.HookImpl], Steps]] = {
    "hotpass_evidence": try_evidence,
    "hotpass_veto": try_veto,
}


def _call(hook: pluggy.HookImpl, arguments: Mapping[str, Any]) -> object:
    answer: object = hook.function(*(arguments[name] for name in hook.argnames))
    return answer
