"""`python -m hotpass_evaluation.work`: started by `gates.common.start`, does one task and answers."""

from __future__ import annotations

import importlib
import re

from hotpass.errors import CallError, RegistryError
from hotpass.verdicts import Json
from hotpass.workers import serve
from hotpass_evaluation.unusable import Unusable


def work(job: dict[str, Json]) -> Json:
    """The answer of the task that the job names, and the digests of what it left in the scratch folder."""
    task = str(job["task"])
    if not re.fullmatch(r"[a-z_]+", task):
        raise ValueError(f"{task!r} is no task")
    try:
        answer = importlib.import_module(f"hotpass_evaluation.work.{task}").run(job)
    except (Unusable, CallError, RegistryError) as error:
        return {"unusable": str(error)}
    return {"answer": answer, "kept": job.get("kept", {})}


if __name__ == "__main__":
    serve(work)
