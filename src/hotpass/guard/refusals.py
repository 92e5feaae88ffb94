"""Answers of the guard as MLflow's clients and its UI expect them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hotpass.errors import (
    ArtifactsChanged,
    CallError,
    HotpassError,
    NotFound,
    PromotionDenied,
    RegistryError,
)
from hotpass.registry.calls import masked
from hotpass.texts import shown

if TYPE_CHECKING:
    from mlflow.exceptions import MlflowException

#: The first that fits. What MLflow's client sends again by itself (503) is only what may pass by itself.
_CODES: tuple[tuple[type[HotpassError], str], ...] = (
    (PromotionDenied, "PERMISSION_DENIED"),
    (NotFound, "RESOURCE_DOES_NOT_EXIST"),
    (CallError, "INVALID_PARAMETER_VALUE"),
    (ArtifactsChanged, "RESOURCE_CONFLICT"),
    (RegistryError, "TEMPORARILY_UNAVAILABLE"),
    (HotpassError, "INTERNAL_ERROR"),
)


def in_mlflows_words(error: HotpassError) -> MlflowException:
    """The MlflowException that says the same."""
    code = next(code for kind, code in _CODES if isinstance(error, kind))
    return _exception(str(error), code)


def refusal(what: str, reasons: Sequence[str]) -> MlflowException:
    """PERMISSION_DENIED with all `reasons`, a line each. `what` says what may not be done: "lead_scoring
    version 7 may not be deleted".
    """
    lines = [f"Hotpass: {shown(what)}", *(f"  - {shown(reason)}" for reason in reasons)]
    return _exception("\n".join(lines), "PERMISSION_DENIED")


@contextlib.contextmanager
def told_to_mlflow() -> Iterator[None]:
    """Inside, Hotpass' errors leave as MLflow's."""
    try:
        yield
    except HotpassError as error:
        raise in_mlflows_words(error) from None


def _exception(text: str, code: str) -> MlflowException:
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import ErrorCode

    return MlflowException(masked(text), error_code=ErrorCode.Value(code))
