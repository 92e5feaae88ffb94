"""`spark:` beside `engine: spark`: which Spark does the scoring, and where it keeps files meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from hotpass.gates import ParameterError
from hotpass.verdicts import Json

#: JSON Schema of `spark:`.
SPARK: dict[str, Any] = {
    "description": "Which Spark scores, with `engine: spark`. Left out: the one that SPARK_REMOTE names, "
    "else one on this machine.",
    "type": "object",
    "properties": {
        "master": {
            "description": "Spark's master: `local[4]`, `spark://host:7077`, `yarn`, `k8s://…`.",
            "type": "string", "minLength": 1, "examples": ["local[*]"],
        },
        "remote": {
            "description": "A Spark Connect server. An address with a token belongs into SPARK_REMOTE.",
            "type": "string", "pattern": "^sc://", "examples": ["sc://spark.example.com:15002"],
        },
        "folder": {
            "description": "Where features, models and scores lie while Spark works. A Spark on other "
            "machines must see it under the same path.",
            "type": "string", "minLength": 1, "examples": ["/mnt/shared/hotpass"],
        },
        "settings": {
            "description": "Spark's own settings.",
            "type": "object",
            "propertyNames": {"pattern": "^spark[.]"},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
            "examples": [{"spark.executor.memory": "4g"}],
        },
    },
    "additionalProperties": False,
    "minProperties": 1,
}  # fmt: skip

#: How Spark itself tells what it must not show (`spark.redaction.regex`).
_SECRET = ("secret", "password", "token", "accesskey", "access.key", "access_key")
#: Where Spark and Hadoop keep what they know of a cluster, and the executors' Python. Paths, no secrets.
_PLACES = (
    "SPARK_CONF_DIR", "HADOOP_CONF_DIR", "YARN_CONF_DIR", "SPARK_LOCAL_IP", "SPARK_LOCAL_DIRS",
    "PYSPARK_PYTHON",
)  # fmt: skip


def check(parameters: Mapping[str, Any]) -> None:
    """Looks at `engine` and `spark` of a gate's parameters. Raises ParameterError for what fits the schema
    and makes no sense.
    """
    said = parameters.get("spark")
    if said is None:
        return
    if parameters.get("engine") != "spark":
        raise ParameterError(
            "spark is said, and the engine is another", ("spark",), "Write engine: spark, or leave spark out."
        )
    if "master" in said and "remote" in said:
        raise ParameterError(
            "master and remote are two different Sparks", ("spark", "remote"), "Leave one of them out."
        )
    elsewhere = "remote" in said or not str(said.get("master", "local")).startswith("local")
    if elsewhere and "folder" not in said:
        raise ParameterError(
            "a Spark on other machines needs a folder that they all see", ("spark",),
            "Name it: folder: /mnt/shared/hotpass",
        )  # fmt: skip
    if "remote" in said and _parameters(str(said["remote"])):
        raise ParameterError(
            "the address of a Spark Connect server holds parameters, and a policy is no place for tokens",
            ("spark", "remote"), "Leave remote out and set SPARK_REMOTE where the gate runs.",
        )  # fmt: skip
    for name in said.get("settings", {}):
        if any(word in name.lower() for word in _SECRET):
            raise ParameterError(
                f"{name} is a secret, and a policy is no place for one", ("spark", "settings", name),
                "Put it into Spark's own configuration (SPARK_CONF_DIR).",
            )  # fmt: skip


def job(said: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Json]:
    """What a worker is told of Spark: `master` or `remote`, `folder` (or None), `settings`, `environment`."""
    remote = said.get("remote")
    if remote is None and "master" not in said:
        remote = environment.get("SPARK_REMOTE") or None
    return {
        "master": None if remote else str(said.get("master", "local[*]")),
        "remote": remote,
        "folder": said.get("folder"),
        "settings": {name: _text(value) for name, value in said.get("settings", {}).items()},
        "environment": {name: environment[name] for name in _PLACES if environment.get(name)},
    }


def in_words(said: Mapping[str, Any]) -> str:
    """For people: where the scoring is done."""
    return f"in Spark ({said.get('remote') or said.get('master') or 'SPARK_REMOTE, else local[*]'})"


def _parameters(remote: str) -> str:
    return urlsplit(remote).path.partition(";")[2]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
