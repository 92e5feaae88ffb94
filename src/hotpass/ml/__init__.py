"""Training runs and registered models in MLflow: log them, promote them, load them, look at them.

MLflow is imported when something is first done with it, not when this package is imported.
"""

from hotpass.ml.config import MLflowConfig, init_mlflow
from hotpass.ml.loading import LoadedModel, forget_loaded_models, load_model, load_production_model
from hotpass.ml.metadata import get_model_metadata
from hotpass.ml.promoting import promote_model
from hotpass.ml.runs import LoggedRun, log_run, log_training_run
from hotpass.ml.trusted_types import TRUSTED_TYPES
from hotpass.stages import ModelStage

__all__ = [
    "TRUSTED_TYPES", "LoadedModel", "LoggedRun", "MLflowConfig", "ModelStage", "forget_loaded_models",
    "get_model_metadata", "init_mlflow", "load_model", "load_production_model", "log_run", "log_training_run",
    "promote_model",
]  # fmt: skip
