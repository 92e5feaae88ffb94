"""The default trainer: answers `hotpass_train` for what no other plugin has claimed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hotpass.hookspecs import hookimpl

if TYPE_CHECKING:
    from hotpass.requests import TrainingRequest


@hookimpl(trylast=True)
def hotpass_train(request: TrainingRequest) -> Any:
    """Trains a scikit-learn pipeline; see `hotpass_training.trainer`."""
    from hotpass_training.trainer import train

    return train(request)
