"""`serialization`: nothing in the model's files runs code when it is loaded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from hotpass.candidate import Candidate
from hotpass.gates import MeasuringGate
from hotpass.spoken import all_of
from hotpass.verdicts import GateResult, Json, failed, passed
from hotpass_evaluation.gates.common import DATA, limits_of, start

_KINDS = {
    "cloudpickle": "a cloudpickle that the MLmodel file names as the model",
    "pickle": "pickles, whatever they are called and wherever they lie",
    "code": "Python code, compiled code, and loaders that are no part of MLflow",
    "lambda": "Keras layers that hold Python code",
    "types": "types that a skops file asks to be trusted beyond the reviewed list",
    "unknown": "files and flavors of a kind that is not known to be safe",
}
_SHOWN = 5
_KEPT = 20


class Serialization(MeasuringGate):
    """The model is stored in formats that run no code of the model's own when it is loaded.

        - serialization

    or, where there is no other way for some models:

        - serialization: {allow: [cloudpickle]}

    A pickle runs whatever it says, with the rights of whoever loads it: a server, a scoring job, the person
    who looks at the model. The gate reads the MLmodel file and every file beside it as bytes, without loading
    anything, and refuses what is not known to be safe: pickles under any name (also compressed, inside
    archives, and without their usual beginning), a pickle that lies beside a safe file, Python code and
    libraries, loaders outside MLflow, Keras' Lambda layers, a skops file that asks for types to be trusted
    beyond Hotpass's reviewed list (MLflow's own loader takes that list from the model), paths that lead out
    of the model's folder, and flavors and binary files that it does not know.

    Safe are scikit-learn and LightGBM's scikit-learn models as skops, XGBoost, LightGBM, CatBoost and ONNX in
    their own formats, PyTorch as `pt2`, Keras without Lambda layers; safetensors, Parquet, arrays of numbers,
    JSON and other text. Bugs in those formats' own parsers are beyond it.

    To pass: log the model with `hotpass train` or `hotpass.ml.log_run`, or with
    `mlflow.sklearn.log_model(…, serialization_format="skops")`, which wants the types of some models named:
    for trees and forests, `skops_trusted_types=["sklearn.tree._tree.Tree"]`. Name what you have looked at
    under `trusted_types`, and what you accept under `allow`.
    """

    name = "serialization"
    schema: ClassVar[Mapping[str, Any]] = {
        "description": "The model's files must run no code when they are loaded.",
        "type": "object",
        "properties": {
            "allow": {
                "description": "What is accepted all the same: "
                + "; ".join(f"{kind}: {what}" for kind, what in _KINDS.items())
                + ".",
                "type": "array", "minItems": 1, "uniqueItems": True,
                "items": {"enum": list(_KINDS)},
                "examples": [["cloudpickle"]],
            },
            "trusted_types": {
                "description": "Types in skops files that somebody has looked at, beyond the reviewed list.",
                "type": "array", "minItems": 1, "uniqueItems": True,
                "items": {"type": "string", "pattern": r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$"},
                "examples": [["my_package.features.LogAmount"]],
            },
            "limits": {**DATA["limits"], "description": "What the process may use that reads the files."},
        },
        "additionalProperties": False,
        "examples": [{"allow": ["cloudpickle"]}],
    }  # fmt: skip

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        super().__init__(parameters)
        self._allowed = frozenset(parameters.get("allow", ()))
        self._limits = limits_of(parameters.get("limits", {}))
        self._trusted: tuple[str, ...] = tuple(parameters.get("trusted_types", ()))

    def measure(self, candidate: Candidate, now: datetime) -> GateResult:
        job: dict[str, Json] = {
            "folder": str(candidate.files().path), "trusted_types": list(self._trusted),
            "limits": dict(self._limits._asdict()),
        }  # fmt: skip
        found = start("serialization", job, candidate)
        findings: list[list[str]] = found["findings"]
        refused = [one for one in findings if one[0] not in self._allowed]
        evidence = {
            "files": found["files"],
            "stored_as": found["stored_as"],
            "kinds": dict(Counter(kind for kind, _, _ in findings)),
            "refused": [[kind, path] for kind, path, _ in refused[:_KEPT]],
        }
        if refused:
            said = [f"{path} {why} [{kind}]" for kind, path, why in refused[:_SHOWN]]
            more = f"; and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
            return failed(f"not known to be safe to load: {'; '.join(said)}{more}", **evidence)
        stored = ", ".join(f"{flavor} as {how}" for flavor, how in found["stored_as"].items())
        accepted = sorted({kind for kind, _, _ in findings})
        if accepted:
            return passed(f"{stored}: {all_of(accepted)} allowed by the policy, and nothing else", **evidence)
        return passed(f"{stored}: nothing in {found['files']} files runs code when it is loaded", **evidence)

    def explain(self) -> Sequence[str]:
        said = ["The model is stored in formats that run no code of its own when it is loaded."]
        if self._allowed:
            said.append(
                f"Accepted all the same: {all_of([kind for kind in _KINDS if kind in self._allowed])}."
            )
        if self._trusted:
            said.append(f"Types trusted beyond the reviewed list: {all_of(self._trusted)}.")
        return said
