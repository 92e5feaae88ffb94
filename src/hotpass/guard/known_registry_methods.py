"""The public methods of MLflow's SQL model registry store, 3.12 to 3.17: the same ones in all of them."""

from __future__ import annotations

from hotpass.guard.known_methods import KnownMethods

REGISTRY_METHODS = KnownMethods(
    store="model registry",
    guarded=frozenset({
        "create_model_version",
        "create_registered_model",
        "delete_model_version",
        "delete_model_version_tag",
        "delete_registered_model",
        "delete_registered_model_alias",
        "delete_registered_model_tag",
        "rename_registered_model",
        "set_model_version_tag",
        "set_registered_model_alias",
        "set_registered_model_tag",
        "transition_model_version_stage",
    }),
    passing=frozenset({
        # Reading.
        "get_latest_versions",
        "get_model_version",
        "get_model_version_by_alias",
        "get_model_version_download_uri",
        "get_prompt",
        "get_prompt_version",
        "get_prompt_version_by_alias",
        "get_registered_model",
        "get_webhook",
        "list_webhooks",
        "list_webhooks_by_event",
        "search_model_versions",
        "search_prompt_versions",
        "search_prompts",
        "search_registered_models",
        "supports_workspaces",
        "test_webhook",
        # Descriptions are for people; no gate reads one.
        "update_model_version",
        "update_registered_model",
        # These are built on guarded methods, which see everything that they do.
        "copy_model_version",
        "create_prompt",
        "create_prompt_version",
        "delete_prompt",
        "delete_prompt_alias",
        "delete_prompt_tag",
        "delete_prompt_version",
        "delete_prompt_version_tag",
        "set_prompt_alias",
        "set_prompt_tag",
        "set_prompt_version_tag",
        # They tag traces, LoggedModels and runs in the tracking store of the process. No server calls them.
        "link_prompt_version_to_model",
        "link_prompt_version_to_run",
        "link_prompts_to_trace",
        # Webhooks tell others, and change nothing here.
        "create_webhook",
        "delete_webhook",
        "update_webhook",
    }),
)  # fmt: skip
