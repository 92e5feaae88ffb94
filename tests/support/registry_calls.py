"""Calls of every public method of MLflow's SQL model registry store."""

from __future__ import annotations

from typing import Any

from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.entities.webhook import WebhookAction, WebhookEntity, WebhookEvent, WebhookStatus

MARK = "mlflow.prompt.is_prompt"

Call = tuple[Any, ...]


class By(dict[str, Any]):
    """Arguments by name."""


ENTITY, WEBHOOK, RUN, LOGGED_MODEL = object(), object(), object(), object()
CREATED = WebhookEvent(WebhookEntity.MODEL_VERSION, WebhookAction.CREATED)

#: Method -> calls of it: arguments, and `By(…)` at the end for those by name. Some succeed, some must not.
#: They are for a registry that has only a model "m" with three versions, and run in this order, since later
#: ones build on earlier ones. ENTITY stands for version 1 of "m", RUN and LOGGED_MODEL for the ids of what is
#: behind it, WEBHOOK for that of the webhook.
CASES: dict[str, list[Call]] = {
    "supports_workspaces": [()],
    "create_registered_model": [
        ("a",),
        ("a",),
        ("",),
        (None,),
        ("x/y",),
        ("b", [RegisteredModelTag("hotpass.decision", "mine")], "text"),
        ("p", [RegisteredModelTag(MARK, "true")]),
        ("p",),
        ("k", [RegisteredModelTag("k", "v" * 9000)]),
        ("c", None, "text", By(deployment_job_id="7")),
    ],
    "get_registered_model": [("a",), ("b",), ("p",), ("nothing",), (None,), ("guarded_nothing",)],
    "update_registered_model": [("a", "new text"), ("nothing", "text"), ("a", None)],
    "search_registered_models": [
        (),
        ("name = 'a'",),
        ("nonsense",),
        (f"tags.`{MARK}` = 'true'",),
        (None, 1),
        (None, 10**6),
        (None, 2, ["name DESC"]),
    ],
    "set_registered_model_tag": [
        ("a", RegisteredModelTag("hotpass.head", "x")),
        ("a", RegisteredModelTag("k", "v")),
        ("a", RegisteredModelTag("", "v")),
        ("nothing", RegisteredModelTag("k", "v")),
        ("c", RegisteredModelTag(MARK, "true")),
    ],
    "delete_registered_model_tag": [
        ("a", "hotpass.head"),
        ("a", "never"),
        ("nothing", "k"),
        ("c", MARK),
        ("a", None),
    ],
    "create_model_version": [
        ("a", "s3://bucket/1"),
        ("a", "s3://bucket/2", None, [ModelVersionTag("hotpass.decision", "mine")], "http://run", "text"),
        ("a", "models:/m/1"),
        ("a", "models:/m/99"),
        ("nothing", "s3://bucket/1"),
        ("a", "models:/nothing/1"),
        (
            "p",
            "dummy-source",
            None,
            [ModelVersionTag(MARK, "true"), ModelVersionTag("mlflow.prompt.text", "Say {{w}}")],
        ),
        ("c", "s3://bucket/1", By(tags=[ModelVersionTag(MARK, "true")])),
        ("a", "s3://bucket/3", By(model_id="m-nothing")),
    ],
    "get_model_version": [
        ("a", 1),
        ("a", "1"),
        ("a", "01"),
        ("a", "99"),
        ("a", "one"),
        ("nothing", 1),
        ("m", 1),
    ],
    "get_model_version_download_uri": [("a", "1"), ("a", "3"), ("m", "1"), ("a", "99")],
    "update_model_version": [("a", "1", "new text"), ("a", "99", "text"), ("a", "1")],
    "search_model_versions": [
        (),
        ("name = 'm'",),
        ("name = 'c'",),
        ("nonsense",),
        ("name = 'm'", 1),
        ("name = 'm'", 0),
        (None, 2, ["version_number DESC"]),
    ],
    "transition_model_version_stage": [
        ("m", "1", "Production", False),
        ("m", "2", "production", False),
        ("m", "3", "PRODUCTION", True),
        ("m", "1", "Staging", True),
        ("m", "1", "None", False),
        ("m", "1", "Archived", True),
        ("m", "1", "Live", False),
        ("m", "99", "Staging", True),
        ("m", "one", "Staging", False),
        ("nothing", "1", "Staging", False),
        ("m", "01", "Staging", False),
        ("m", 2, "Staging", False),
        ("m", None, "Staging", False),
        ("p", "1", "Production", False),
    ],
    "get_latest_versions": [("m",), ("m", ["production"]), ("m", ["Live"]), ("nothing",), ("a", [])],
    "set_model_version_tag": [
        ("m", "3", ModelVersionTag("hotpass.decision", "mine")),
        ("m", "3", ModelVersionTag("k", "1")),
        ("m", "3", ModelVersionTag("k", "2")),
        ("m", "99", ModelVersionTag("k", "v")),
        ("m", "one", ModelVersionTag("k", "v")),
        ("m", "3", ModelVersionTag("", "v")),
    ],
    "delete_model_version_tag": [
        ("m", "3", "hotpass.decision"),
        ("m", "3", "never"),
        ("m", "99", "k"),
        ("m", "3", None),
    ],
    "set_registered_model_alias": [
        ("m", "production", "1"),
        ("m", "production", 2),
        ("m", "PRODUCTION", "3"),
        ("m", "latest", "1"),
        ("m", "v1", "1"),
        ("m", "", "1"),
        ("m", "a:b", "1"),
        ("m", "production", "99"),
        ("m", "production", "one"),
        ("nothing", "production", "1"),
        ("p", "production", "1"),
    ],
    "get_model_version_by_alias": [
        ("m", "production"),
        ("m", "PRODUCTION"),
        ("m", "latest"),
        ("m", "never"),
        ("nothing", "production"),
    ],
    "delete_registered_model_alias": [
        ("m", "production"),
        ("m", "production"),
        ("m", "a:b"),
        ("nothing", "production"),
        ("m", ""),
    ],
    "copy_model_version": [(ENTITY, "copied"), (ENTITY, "a"), (ENTITY, "")],
    "create_prompt": [("q", "text", {"k": "v"}), ("q",), ("a",), ("",)],
    "create_prompt_version": [
        ("q", "Say {{w}}"),
        ("q", [{"role": "user", "content": "Hi"}], "text", {"k": "v"}),
        ("nothing", "Hi"),
    ],
    "get_prompt": [("q",), ("a",), ("nothing",)],
    "search_prompts": [(), ("name = 'q'",), ("experiment_id = 'x'",), (None, 1)],
    "set_prompt_tag": [("q", "k", "2"), ("nothing", "k", "v")],
    "delete_prompt_tag": [("q", "k"), ("q", "never")],
    "get_prompt_version": [("q", 1), ("q", "2"), ("q", 99), ("a", 1), ("nothing", 1)],
    "search_prompt_versions": [("q",), ("q", 1), ("a",), ("nothing",)],
    "set_prompt_version_tag": [("q", "1", "k", "v"), ("q", "one", "k", "v"), ("q", 99, "k", "v")],
    "delete_prompt_version_tag": [("q", "1", "k"), ("q", "one", "k")],
    "set_prompt_alias": [("q", "production", 1), ("q", "production", "2"), ("q", "production", 99)],
    "get_prompt_version_by_alias": [("q", "production"), ("q", "never")],
    "link_prompt_version_to_run": [("q", "1", RUN), ("q", "99", RUN), ("q", "1", "no run")],
    "link_prompt_version_to_model": [("q", "1", LOGGED_MODEL), ("q", "1", "no model")],
    "link_prompts_to_trace": [([], "no trace")],
    "delete_prompt_alias": [("q", "production"), ("q", "never")],
    "delete_prompt_version": [("q", "1"), ("q", "1"), ("q", "one")],
    "delete_prompt": [("q",), ("q",)],
    "create_webhook": [
        ("hook", "https://127.0.0.1:1/hook", [CREATED], "text", "secret"),
        ("hook", "nonsense", [CREATED]),
        ("", "https://127.0.0.1:1", [CREATED]),
        ("hook", "https://127.0.0.1:1/hook", []),
    ],
    "get_webhook": [(WEBHOOK,), ("nothing",)],
    "list_webhooks": [(), (0,), (1,)],
    "list_webhooks_by_event": [(CREATED,), (CREATED, 0)],
    "update_webhook": [(WEBHOOK, By(status=WebhookStatus.DISABLED)), ("nothing", By(name="x"))],
    "test_webhook": [(WEBHOOK,)],
    "delete_webhook": [(WEBHOOK,), (WEBHOOK,), ("nothing",)],
    "rename_registered_model": [
        ("c", "d"),
        ("d", "a"),
        ("nothing", "e"),
        ("d", ""),
        ("d", "x/y"),
        ("p", "r"),
    ],
    "delete_model_version": [("m", "3"), ("m", "3"), ("m", "99"), ("m", "one"), ("r", "1")],
    "delete_registered_model": [("m",), ("m",), ("nothing",), ("a",), ("r",)],
}
