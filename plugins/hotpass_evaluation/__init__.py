"""Gates that judge a model again, on data. Nothing heavy is imported here, so that policies are linted fast.
"""

from __future__ import annotations

from hotpass.gates import Gate
from hotpass.hookspecs import hookimpl
from hotpass_evaluation.gates.drift import Drift
from hotpass_evaluation.gates.evaluation import Evaluation
from hotpass_evaluation.gates.latency import Latency
from hotpass_evaluation.gates.leakage import Leakage
from hotpass_evaluation.gates.load import Load
from hotpass_evaluation.gates.serialization import Serialization
from hotpass_evaluation.gates.size import Size
from hotpass_evaluation.gates.slices import Slices


@hookimpl
def hotpass_gates() -> list[type[Gate]]:
    return [Evaluation, Size, Load, Latency, Serialization, Slices, Drift, Leakage]
