"""The task `load`: loads a model so many times, each time in a fresh process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hotpass_evaluation.work.asking import asked, limit_threads, memory
from hotpass_evaluation.work.timing import percentile


def run(job: Mapping[str, Any]) -> dict[str, Any]:
    """`milliseconds`: the median with its bounds, and `times`; `memory`: the most bytes that it took up once
    it was loaded, and `before`, the most of a process that had loaded nothing yet (None: not known).
    """
    limit_threads(job["threads"])
    times, starts, loaded, before = [], [], [], []
    for _ in range(job["loads"]):
        with asked(job["challenger"], job) as model:
            loaded.append(memory())
            before.append(model.before)
            times.append(model.loading)
            starts.append(model.starting)
    return {
        "milliseconds": list(percentile(times, 0.5, job["confidence"])),
        "times": [round(time, 1) for time in times[:20]],
        "starting": round(sorted(starts)[len(starts) // 2], 1),
        "memory": max((one for one in loaded if one is not None), default=None),
        "before": max((one for one in before if one is not None), default=None),
    }
