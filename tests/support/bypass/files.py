"""Around the guard by the files of a frozen version."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from support.bypass.attack import ANYTHING, DENIED, PREFIXES, REFUSED, WHATEVER, Attack, Caller, Expected
from support.bypass.evidence import FROZEN
from support.bypass.setting import Behind
from support.guarded import Answer

PROXY = "mlflow-artifacts/artifacts"
PATH = f"{PROXY}/<path:artifact_path>"
#: Spellings by which MLflow finds the file, or a new one beside it, with either verb or with one.
BOTH = frozenset({"encoded", "slashes encoded", "encoded twice", "a query"})
ONE = frozenset(
    {
        ("a null byte", "PUT"),
        ("a semicolon", "PUT"),
        ("a space", "PUT"),
        ("dots", "DELETE"),
        ("dots encoded", "DELETE"),
        ("two slashes", "DELETE"),
    }
)
POISON = b"not the model that was judged"


def replaced() -> Iterator[Attack]:
    for who, behind in FROZEN.items():
        yield _files(f"{who}: MLmodel replaced", "PUT", lambda b: f"{b.folder}/MLmodel", behind)
        yield _files(f"{who}: the model replaced", "PUT", lambda b: f"{b.folder}/model.skops", behind)
        yield _files(f"{who}: a file added", "PUT", lambda b: f"{b.folder}/code/hook.py", behind)
        yield _files(f"{who}: MLmodel deleted", "DELETE", lambda b: f"{b.folder}/MLmodel", behind)
        yield _files(f"{who}: the folder deleted", "DELETE", lambda b: b.folder, behind)
        yield _files(
            f"{who}: the folder above deleted", "DELETE", lambda b: b.folder.rpartition("/")[0], behind
        )
    champion = FROZEN["in Production"]
    yield _files(
        "of all models deleted", "DELETE", lambda b: b.folder.rpartition("/models/")[0] + "/models", champion
    )
    yield _files("of the experiment deleted", "DELETE", lambda b: b.folder.partition("/models/")[0], champion)
    yield _files("all deleted", "DELETE", lambda b: ".", champion)
    yield _files("all deleted, by a slash", "DELETE", lambda b: "%2F", champion, REFUSED, bites=False)


def spelled() -> Iterator[Attack]:
    """The same file by other names. What is another file to MLflow may be written."""
    spellings: dict[str, Callable[[str], str]] = {
        "encoded": lambda path: "".join(f"%{ord(c):02x}" for c in path),
        "slashes encoded": lambda path: path.replace("/", "%2F"),
        "encoded twice": lambda path: quote(quote(path, safe=""), safe=""),
        "dots": lambda path: "./" + path.replace("/", "/./"),
        "dots encoded": lambda path: path.replace("/", "/%2e/"),
        "two slashes": lambda path: path.replace("/", "//"),
        "a slash first": lambda path: "/" + path,
        "a slash first, encoded": lambda path: "%2F" + path,
        "back and forth": lambda path: "x/../" + path,
        "back and forth, encoded": lambda path: "x/%2e%2e/" + path,
        "back and forth, encoded twice": lambda path: "x/%252e%252e/" + path,
        "a slash behind": lambda path: path + "/",
        "a file's address": lambda path: "file:" + path,
        "a file's address, encoded": lambda path: "file%3A%2F%2F%2F" + path,
        "an address": lambda path: "mlflow-artifacts:/" + path,
        "backslashes": lambda path: path.replace("/", "%5C"),
        "a query": lambda path: path + "?path=elsewhere",
        "a fragment": lambda path: path + "%23x",
        "a null byte": lambda path: path + "%00",
        "a semicolon": lambda path: path + ";x",
        "a space": lambda path: path + "%20",
        "upper case": lambda path: path.replace("MLmodel", "MLMODEL").replace("models", "MODELS"),
        "with its workspace": lambda path: f"workspaces/default/{path}",
    }
    champion = FROZEN["in Production"]
    for what, spell in spellings.items():
        for method in ("PUT", "DELETE"):
            bites = what in BOTH or (what, method) in ONE
            yield _files(
                f"spelled with {what}, {method}",
                method,
                lambda b, spell=spell: spell(f"{b.folder}/MLmodel"),
                champion,
                WHATEVER,
                bites=bites,
            )
    yield _files("the folder, dots behind", "DELETE", lambda b: f"{b.folder}/.", champion)
    yield _files("the folder, encoded", "DELETE", lambda b: quote(b.folder, safe=""), champion, bites=True)
    yield _files("the folder, a slash behind", "DELETE", lambda b: f"{b.folder}/", champion, WHATEVER)


def uploads() -> Iterator[Attack]:
    """Uploads in parts, by the UI, and by addresses that a bucket signs."""
    for who, behind in FROZEN.items():
        for step in ("create", "complete", "abort"):
            yield Attack(
                f"files {who}: an upload in parts, {step}",
                _parts(step, behind),
                REFUSED,
                (f"POST mlflow-artifacts/mpu/{step}/<path:artifact_path>",),
                bites=False,
            )
        yield Attack(
            f"files {who}: by the UI's upload",
            _upload(behind),
            DENIED,
            ("POST mlflow/upload-artifact",),
            bites=who == "of a run",
        )
        yield Attack(
            f"files {who}: an address to upload to",
            _presigned(behind),
            REFUSED,
            ("POST mlflow/artifacts/presigned-upload-url",),
            bites=False,
        )
    for location in ("mlflow-artifacts:/{}", "mlflow-artifacts:/{}/../model", "{}"):
        yield Attack(
            f"files: an experiment at {location}",
            _experiment_inside(location),
            ANYTHING,
            ("POST mlflow/experiments/create",),
            bites=".." not in location,
        )


def _files(
    what: str,
    method: str,
    path: Callable[[Behind], str],
    behind: Callable[[Any], Behind],
    expect: Expected = DENIED,
    *,
    bites: bool = True,
) -> Attack:
    def send(caller: Caller) -> Sequence[Answer]:
        target = path(behind(caller.setting))
        body = POISON if method == "PUT" else None
        headers = {"Content-Type": "application/octet-stream"} if body else {}
        return [
            caller.call(method, f"{prefix}{PROXY}/{target}", body, headers=headers) for prefix in PREFIXES
        ]

    return Attack(f"files {what}", send, expect, (f"{method} {PATH}",), bites)


def _parts(step: str, behind: Callable[[Any], Behind]) -> Callable[[Caller], Sequence[Answer]]:
    def send(caller: Caller) -> Sequence[Answer]:
        folder = behind(caller.setting).folder
        body: dict[str, Any] = {"path": "MLmodel"}
        if step == "create":
            body["num_parts"] = 1
        else:
            body["upload_id"] = "1"
        if step == "complete":
            body["parts"] = [{"part_number": 1, "etag": "x", "url": "http://127.0.0.1/"}]
        return [
            caller.call("POST", f"{prefix}mlflow-artifacts/mpu/{step}/{target}", body)
            for prefix in PREFIXES
            for target in (folder, f"{folder}/MLmodel")
        ]

    return send


def _upload(behind: Callable[[Any], Behind]) -> Callable[[Caller], Sequence[Answer]]:
    def send(caller: Caller) -> Sequence[Answer]:
        run_id = behind(caller.setting).run_id
        target = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path="
        return [
            caller.call("POST", target + path, POISON, headers={"Content-Type": "application/octet-stream"})
            for path in ("model/MLmodel", "model%2Fmodel.skops", "model/./MLmodel", "model//MLmodel")
        ]

    return send


def _presigned(behind: Callable[[Any], Behind]) -> Callable[[Caller], Sequence[Answer]]:
    def send(caller: Caller) -> Sequence[Answer]:
        found = behind(caller.setting)
        ids = [{"run_id": found.run_id}] + ([{"model_id": found.model_id}] if found.model_id else [])
        return [caller.post("artifacts/presigned-upload-url", {**one, "path": "MLmodel"}) for one in ids]

    return send


def _experiment_inside(location: str) -> Callable[[Caller], Sequence[Answer]]:
    """Runs of an experiment that says its files are in the model's folder write there."""

    def send(caller: Caller) -> Sequence[Answer]:
        s = caller.setting
        folder = s.of(s.champion).folder
        root = f"{s.artifacts}/{folder}" if location == "{}" else folder
        made = caller.post(
            "experiments/create", {"name": caller.fresh("inside"), "artifact_location": location.format(root)}
        )
        if made.status != 200:
            return [made]
        experiment = made.json["experiment_id"]
        run = caller.post("runs/create", {"experiment_id": experiment}).json["run"]["info"]["run_id"]
        target = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=hook.py"
        uploaded = caller.call("POST", target, POISON, headers={"Content-Type": "application/octet-stream"})
        lab = {
            "experiment_id": experiment,
            "prompt_template": "{{x}}",
            "model_route": "r",
            "model_input": "i",
            "prompt_parameters": [{"key": "x", "value": "y"}],
            "model_parameters": [],
            "model_output": "o",
            "model_output_parameters": [],
            "mlflow_version": "3.0.0",
        }
        answers = [uploaded, caller.call("POST", "/ajax-api/2.0/mlflow/runs/create-promptlab-run", lab)]
        if location != "{}":  # on this machine the client writes there itself, which no server sees
            answers.append(caller.by_client(lambda c: c.log_text(run, "poison", "hook.py")))
        return answers

    return send


FILES: tuple[Attack, ...] = (*replaced(), *spelled(), *uploads())
