"""Around the guard by the rest of the registry: names, copies, deleting, making again, and tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from support.bypass.attack import ANYTHING, DENIED, HARMLESS, REFUSED, UI, Attack, Caller, Expected, rest
from support.guarded import Answer

MODELS, VERSIONS = "mlflow/registered-models", "mlflow/model-versions"
PROMPT = "mlflow.prompt.is_prompt"
#: As an attacker would write them.
FORGED = [
    {"key": "hotpass.decision", "value": "0" * 32},
    {"key": "hotpass.stage", "value": "Production"},
    {"key": "hotpass.digest", "value": "f" * 64},
    {"key": "Hotpass.Decision", "value": "0" * 32},
    {"key": "hotpass.head", "value": "{}"},
    {"key": "hotpass.registered_by", "value": "ana"},
]


def names() -> Iterator[Attack]:
    yield rest(
        "rename: out of reach",
        "POST",
        f"{MODELS}/rename",
        lambda s: {"name": s.model, "new_name": "elsewhere"},
    )
    yield rest(
        "rename: within reach",
        "POST",
        f"{MODELS}/rename",
        lambda s: {"name": s.model, "new_name": "lead_elsewhere"},
    )
    yield rest(
        "rename: to another case",
        "POST",
        f"{MODELS}/rename",
        lambda s: {"name": s.model, "new_name": "LEAD_SCORING"},
    )
    yield rest(
        "rename: into reach, with a version in Production",
        "POST",
        f"{MODELS}/rename",
        lambda s: {"name": s.free, "new_name": "lead_from_outside"},
    )
    yield rest(
        "rename: a model in the place of another",
        "POST",
        f"{MODELS}/rename",
        lambda s: {"name": s.free, "new_name": s.model},
        expect=REFUSED,
        bites=False,
    )
    yield rest(
        "rename: by the UI",
        "POST",
        f"{MODELS}/rename",
        lambda s: {"name": s.approved, "new_name": "elsewhere"},
        prefixes=UI,
    )
    yield Attack(
        "rename: a champion made outside, then in", _made_outside, DENIED, (f"POST {MODELS}/rename",)
    )
    yield Attack(
        "rename: a prompt's tag set outside, then in", _prompt_outside, DENIED, (f"POST {MODELS}/rename",)
    )
    yield rest("delete: the model", "DELETE", f"{MODELS}/delete", lambda s: {"name": s.model})
    yield rest("delete: a model with a history", "DELETE", f"{MODELS}/delete", lambda s: {"name": s.approved})
    for what in ("champion", "weak", "former"):
        yield rest(
            f"delete: version, the {what} one",
            "DELETE",
            f"{VERSIONS}/delete",
            lambda s, w=what: {"name": s.model, "version": str(getattr(s, w))},
        )
    yield Attack("delete: and make it again", _made_again, DENIED, (f"DELETE {VERSIONS}/delete",), bites=True)
    yield Attack(
        "delete: the model, and make it again", _model_made_again, DENIED, (f"POST {MODELS}/create",)
    )
    yield rest(
        "describe: the champion",
        "PATCH",
        f"{VERSIONS}/update",
        lambda s: {"name": s.model, "version": str(s.champion), "description": "the best"},
        expect=HARMLESS,
        bites=False,
    )
    yield rest(
        "describe: the model",
        "PATCH",
        f"{MODELS}/update",
        lambda s: {"name": s.model, "description": "the best"},
        expect=HARMLESS,
        bites=False,
    )


def _create(caller: Caller, model: str, **more: Any) -> Answer:
    """A new version of what stands behind the one that no stage would take."""
    behind = caller.setting.of(caller.setting.fresh)
    source = {"source": f"models:/{behind.model_id}", "run_id": behind.run_id, "model_id": behind.model_id}
    return caller.post("model-versions/create", {"name": model, **source, **more})


def _number(answer: Answer) -> str:
    return str(answer.json["model_version"]["version"])


def _to(caller: Caller, model: str, version: str, stage: str = "Production") -> Answer:
    return caller.post("model-versions/transition-stage", {"name": model, "version": version, "stage": stage})


def _alias(caller: Caller, model: str, version: str, alias: str = "production") -> Answer:
    return caller.post("registered-models/alias", {"name": model, "alias": alias, "version": version})


def _made_outside(caller: Caller) -> Sequence[Answer]:
    """A model out of reach whose version has the alias that serving reads, renamed into reach."""
    name = caller.fresh("outside")
    caller.post("registered-models/create", {"name": name})
    _alias(caller, name, _number(_create(caller, name)))
    return [caller.post("registered-models/rename", {"name": name, "new_name": f"lead_{name}"})]


def _prompt_outside(caller: Caller) -> Sequence[Answer]:
    name = caller.fresh("outside")
    caller.post("registered-models/create", {"name": name})
    _alias(caller, name, _number(_create(caller, name)))
    caller.post("registered-models/set-tag", {"name": name, "key": PROMPT, "value": "true"})
    return [caller.post("registered-models/rename", {"name": name, "new_name": f"lead_{name}"})]


def _made_again(caller: Caller) -> Sequence[Answer]:
    """Whoever can delete the approved version can make another of its number and name."""
    s = caller.setting
    answer = caller.post("model-versions/delete", {"name": s.approved, "version": "2"}, "DELETE")
    return [answer]


def _model_made_again(caller: Caller) -> Sequence[Answer]:
    name = caller.fresh("lead_again")
    answers = []
    for again in (False, True):
        caller.post("registered-models/create", {"name": name})
        version = _number(_create(caller, name))
        answers += [_to(caller, name, version), _alias(caller, name, version)]
        if not again:
            caller.post("registered-models/delete", {"name": name}, "DELETE")
    return answers


def copies() -> Iterator[Attack]:
    yield Attack(
        "copy: from outside, straight to Production",
        _copied("free", "1"),
        DENIED,
        (f"POST {VERSIONS}/create",),
    )
    yield Attack(
        "copy: of the champion, straight to Production",
        _copied("model", "2"),
        DENIED,
        (f"POST {VERSIONS}/create",),
    )
    yield Attack(
        "copy: of the approved version",
        _copied("approved", "2", "approved"),
        DENIED,
        (f"POST {VERSIONS}/create",),
    )
    yield Attack(
        "copy: to a new name in reach", _copied("free", "1", None), DENIED, (f"POST {VERSIONS}/create",)
    )


def _copied(source: str, version: str, target: str | None = "model") -> Callable[[Caller], Sequence[Answer]]:
    def send(caller: Caller) -> Sequence[Answer]:
        s = caller.setting
        into = getattr(s, target) if target else caller.fresh("lead_copy")
        uri = f"models:/{getattr(s, source)}/{version}"
        made: list[str] = []
        copied = caller.by_client(lambda c: made.append(c.copy_model_version(uri, into).version))
        assert copied.status == 200, copied.text  # making a version is nobody's business but MLflow's
        return [_to(caller, into, made[0]), _alias(caller, into, made[0])]

    return send


def tags() -> Iterator[Attack]:
    for key in (
        "hotpass.decision",
        "hotpass.stage",
        "hotpass.digest",
        "HOTPASS.decision",
        "hotpass.",
        PROMPT,
    ):
        for what in ("champion", "weak", "fresh"):
            yield rest(
                f"tag: {key} on the {what} version",
                "POST",
                f"{VERSIONS}/set-tag",
                lambda s, k=key, w=what: {
                    "name": s.model,
                    "version": str(getattr(s, w)),
                    "key": k,
                    "value": "true",
                },
            )
    yield rest(
        "tag: the decision's taken away",
        "DELETE",
        f"{VERSIONS}/delete-tag",
        lambda s: {"name": s.model, "version": str(s.champion), "key": "hotpass.decision"},
    )
    yield rest(
        "tag: the owner of the champion changed",
        "POST",
        f"{VERSIONS}/set-tag",
        lambda s: {"name": s.model, "version": str(s.champion), "key": "owner", "value": "eve"},
    )
    yield rest(
        "tag: the owner in Staging taken away",
        "DELETE",
        f"{VERSIONS}/delete-tag",
        lambda s: {"name": s.model, "version": str(s.weak), "key": "owner"},
    )
    yield rest(
        "tag: the owner changed in the UI",
        "POST",
        f"{VERSIONS}/set-tag",
        lambda s: {"name": s.model, "version": str(s.weak), "key": "owner", "value": "eve"},
        prefixes=UI,
    )
    yield rest(
        "tag: a reviewer's, new",
        "POST",
        f"{VERSIONS}/set-tag",
        lambda s: {"name": s.model, "version": str(s.weak), "key": "reviewed", "value": "yes"},
        expect=HARMLESS,
        bites=False,
    )
    for key in ("hotpass.head", "hotpass.anything", "HotPass.head", PROMPT):
        yield rest(
            f"tag: {key} on the model",
            "POST",
            f"{MODELS}/set-tag",
            lambda s, k=key: {"name": s.model, "key": k, "value": "true"},
            bites=key != "hotpass.head",
        )
    yield rest(
        "tag: the chain's head taken away",
        "DELETE",
        f"{MODELS}/delete-tag",
        lambda s: {"name": s.model, "key": "hotpass.head"},
        bites=False,
    )
    yield Attack("tag: forged, on a new version", _forged_version, HARMLESS, (f"POST {VERSIONS}/create",))
    yield Attack("tag: forged, on a new model", _forged_model, HARMLESS, (f"POST {MODELS}/create",))
    yield Attack(
        "tag: the prompt's, on a new version",
        _prompt_version,
        ANYTHING,
        (f"POST {VERSIONS}/create",),
        bites=False,
    )
    yield Attack(
        "prompt: a model in a prompt's clothes", _disguised, DENIED, (f"DELETE {MODELS}/delete-tag",)
    )


def _forged_version(caller: Caller) -> Sequence[Answer]:
    return [_create(caller, caller.setting.model, tags=FORGED)]


def _forged_model(caller: Caller) -> Sequence[Answer]:
    return [caller.post("registered-models/create", {"name": caller.fresh("lead_forged"), "tags": FORGED})]


def _prompt_version(caller: Caller) -> Sequence[Answer]:
    answer = _create(caller, caller.setting.model, tags=[{"key": PROMPT, "value": "true"}])
    if answer.status != 200:
        return [answer]
    return [answer, *_must(DENIED, [_to(caller, caller.setting.model, _number(answer))])]


def _disguised(caller: Caller) -> Sequence[Answer]:
    """A prompt is no model and passes, so whoever takes off the tag has a model under the alias."""
    name = caller.fresh("lead_prompt")
    tags = [{"key": PROMPT, "value": "true"}]
    caller.post("registered-models/create", {"name": name, "tags": tags})
    text = [*tags, {"key": "mlflow.prompt.text", "value": "hello"}]
    as_model = _create(caller, name, tags=text)
    assert as_model.status == 400, as_model.text  # MLflow takes no files for a prompt's
    made = caller.post("model-versions/create", {"name": name, "source": "prompt-template", "tags": text})
    version = _number(made)
    _alias(caller, name, version)
    return [
        caller.post("registered-models/delete-tag", {"name": name, "key": PROMPT}, "DELETE"),
        caller.post("registered-models/set-tag", {"name": name, "key": PROMPT, "value": "false"}),
        caller.post("model-versions/delete-tag", {"name": name, "version": version, "key": PROMPT}, "DELETE"),
    ]


def _must(expected: Expected, answers: Sequence[Answer]) -> Sequence[Answer]:
    for answer in answers:
        assert expected(answer), f"{answer.status} {answer.text}"
    return answers


REGISTRY: tuple[Attack, ...] = (*names(), *copies(), *tags())
