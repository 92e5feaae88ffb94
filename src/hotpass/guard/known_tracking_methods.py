"""The public methods of MLflow's SQL tracking store, over MLflow 3.12 to 3.17, and what each may touch."""

from __future__ import annotations

from dataclasses import dataclass

from hotpass.guard.known_methods import KnownMethods


@dataclass(frozen=True, slots=True)
class Touches:
    """The parameters by which a method names what it writes to: ids, or lists of them."""

    #: Closed to everybody where they are of the ledger.
    experiments: tuple[str, ...] = ()
    #: Closed where they are of the ledger, and where they are frozen.
    runs: tuple[str, ...] = ()
    #: Closed where they are frozen.
    logged_models: tuple[str, ...] = ()
    #: Closed where they are of the ledger; what is written there is no evidence.
    bystanders: tuple[str, ...] = ()


#: Methods that are guarded by what they are called with; those in GUARDED_BY_HAND look closer.
GUARDED = {
    "add_dataset_to_experiments": Touches(experiments=("experiment_ids",)),
    "create_dataset": Touches(experiments=("experiment_ids",)),
    "create_gateway_endpoint": Touches(experiments=("experiment_id",)),
    "create_issue": Touches(experiments=("experiment_id",), bystanders=("source_run_id",)),
    "create_label_schema": Touches(experiments=("experiment_id",)),
    "create_review_queue": Touches(experiments=("experiment_id",)),
    "delete_experiment_tag": Touches(experiments=("experiment_id",)),
    "delete_logged_model": Touches(logged_models=("model_id",)),
    "delete_logged_model_tag": Touches(logged_models=("model_id",)),
    "delete_run": Touches(runs=("run_id",)),
    "delete_scorer": Touches(experiments=("experiment_id",)),
    "delete_tag": Touches(runs=("run_id",)),
    "delete_traces": Touches(experiments=("experiment_id",)),
    "deprecated_start_trace_v2": Touches(experiments=("experiment_id",)),
    "finalize_logged_model": Touches(logged_models=("model_id",)),
    "get_or_create_user_queue": Touches(experiments=("experiment_id",)),
    "link_traces_to_run": Touches(bystanders=("run_id",)),
    "log_inputs": Touches(runs=("run_id",)),
    "log_logged_model_params": Touches(logged_models=("model_id",)),
    "log_outputs": Touches(runs=("run_id",)),
    "log_param": Touches(runs=("run_id",)),
    "log_spans": Touches(experiments=("location",)),
    "record_logged_model": Touches(runs=("run_id",)),
    "register_scorer": Touches(experiments=("experiment_id",)),
    "remove_dataset_from_experiments": Touches(experiments=("experiment_ids",)),
    "restore_experiment": Touches(experiments=("experiment_id",)),
    # A run that is to be seen again hides nothing, so a frozen one may be.
    "restore_run": Touches(bystanders=("run_id",)),
    "set_experiment_tag": Touches(experiments=("experiment_id",)),
    "unlink_traces_from_run": Touches(bystanders=("run_id",)),
    "update_gateway_endpoint": Touches(experiments=("experiment_id",)),
    "upsert_online_scoring_config": Touches(experiments=("experiment_id",)),
}

#: Methods with rules of their own, in `tracking_store.py`.
GUARDED_BY_HAND = frozenset(
    {
        "create_experiment",
        "create_logged_model",
        "create_run",
        "delete_experiment",
        "log_batch",
        "log_metric",
        "rename_experiment",
        "set_logged_model_tags",
        "set_tag",
        "start_trace",
        "update_run_info",
    }
)

TRACKING_METHODS = KnownMethods(
    store="tracking",
    guarded=GUARDED_BY_HAND | frozenset(GUARDED),
    passing=frozenset(
        {
            # Experiments, runs and LoggedModels: reading.
            "filter_active_experiment_ids",
            "get_experiment",
            "get_experiment_by_name",
            "get_logged_model",
            "get_max_step_for_metric",
            "get_metric_history",
            "get_metric_history_bulk",
            "get_metric_history_bulk_interval",
            "get_metric_history_bulk_interval_from_steps",
            "get_run",
            "sanitize_metric_value",
            "search_experiments",
            "search_logged_models",
            "search_runs",
            "supports_trace_archival",
            "supports_workspaces",
            # These are built on guarded methods, which see everything that they do.
            "end_async_logging",
            "flush_async_logging",
            "log_batch_async",
            "log_metric_async",
            "log_param_async",
            "log_spans_async",
            "set_model_versions_tags",
            "set_tag_async",
            "shut_down_async_logging",
            # Traces, and what is said of them: reached by their own ids, and there are none in a ledger. They
            # are no evidence, and those of a serving model go on.
            "archive_traces",
            "batch_get_trace_infos",
            "batch_get_traces",
            "calculate_trace_filter_correlation",
            "create_assessment",
            "delete_assessment",
            "delete_trace_tag",
            "deprecated_end_trace_v2",
            "find_completed_sessions",
            "get_assessment",
            "get_online_trace_details",
            "get_trace",
            "get_trace_info",
            "link_mcp_server_versions_to_trace",
            "link_prompts_to_trace",
            "query_trace_metrics",
            "resolve_trace_archival_config",
            "search_traces",
            "set_trace_tag",
            "update_assessment",
            # Evaluation data sets, their records and where they are used. A data set that a run took as input
            # is another thing, and is frozen with its run.
            "delete_dataset",
            "delete_dataset_records",
            "delete_dataset_tag",
            "get_dataset",
            "get_dataset_experiment_ids",
            "search_datasets",
            "search_entities_by_destination",
            "search_entities_by_source",
            "set_dataset_tags",
            "upsert_dataset_records",
            # Issues, scorers, label schemas and review queues, by ids of their own.
            "add_items_to_review_queue",
            "delete_label_schema",
            "delete_review_queue",
            "get_active_online_scorers",
            "get_issue",
            "get_label_schema",
            "get_label_schema_by_name",
            "get_online_scoring_configs",
            "get_review_queue",
            "get_review_queue_by_name",
            "get_scorer",
            "list_label_schemas",
            "list_review_queue_items",
            "list_review_queues",
            "list_scorer_versions",
            "list_scorers",
            "list_scorers_across_experiments",
            "remove_items_from_review_queue",
            "resolve_endpoint_in_scorer",
            "search_issues",
            "set_review_queue_item_status",
            "update_issue",
            "update_label_schema",
            "update_review_queue",
            # The AI gateway: endpoints, their models, keys, budgets and guardrails.
            "add_guardrail_to_endpoint",
            "attach_model_to_endpoint",
            "create_budget_policy",
            "create_endpoint_binding",
            "create_gateway_guardrail",
            "create_gateway_model_definition",
            "create_gateway_secret",
            "delete_budget_policy",
            "delete_endpoint_binding",
            "delete_gateway_endpoint",
            "delete_gateway_endpoint_tag",
            "delete_gateway_guardrail",
            "delete_gateway_model_definition",
            "delete_gateway_secret",
            "detach_model_from_endpoint",
            "get_budget_policy",
            "get_gateway_endpoint",
            "get_gateway_guardrail",
            "get_gateway_model_definition",
            "get_secret_info",
            "list_budget_policies",
            "list_endpoint_bindings",
            "list_endpoint_guardrail_configs",
            "list_gateway_endpoints",
            "list_gateway_guardrails",
            "list_gateway_model_definitions",
            "list_secret_infos",
            "remove_guardrail_from_endpoint",
            "secret_cache",
            "set_gateway_endpoint_tag",
            "sum_gateway_trace_cost",
            "update_budget_policy",
            "update_endpoint_guardrail_config",
            "update_gateway_model_definition",
            "update_gateway_secret",
            # The registry of MCP servers.
            "create_mcp_access_endpoint",
            "create_mcp_server",
            "create_mcp_server_version",
            "delete_mcp_access_endpoint",
            "delete_mcp_server",
            "delete_mcp_server_alias",
            "delete_mcp_server_tag",
            "delete_mcp_server_version",
            "delete_mcp_server_version_tag",
            "get_latest_mcp_server_version",
            "get_mcp_access_endpoint",
            "get_mcp_server",
            "get_mcp_server_version",
            "get_mcp_server_version_by_alias",
            "get_mcp_server_versions_for_trace",
            "search_mcp_access_endpoints",
            "search_mcp_server_versions",
            "search_mcp_servers",
            "set_mcp_server_alias",
            "set_mcp_server_tag",
            "set_mcp_server_version_tag",
            "update_mcp_access_endpoint",
            "update_mcp_server",
            "update_mcp_server_version",
        }
    ),
)
