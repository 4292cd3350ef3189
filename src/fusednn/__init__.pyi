"""The names that `__init__.py` imports on first use, for editors and type checkers."""

from . import augment, exceptions, kernels, layers, losses, optimizers, schedules, series, text
from .compiled import CompiledPredictor
from .compiled_tables import CompiledTabularPredictor
from .estimators.autoencoder import Autoencoder
from .estimators.deployment.exporting import export_c, export_library, export_onnx
from .estimators.deployment.freezing import freeze
from .estimators.deployment.torch_weights import export_torch, import_torch
from .estimators.deployment.warmup import warmup
from .estimators.diagnosis.display import DiagnosisDisplay
from .estimators.displays.loss_curve import LossCurveDisplay
from .estimators.gan import GAN
from .estimators.language_model import LanguageModel
from .estimators.mlp_classifier import MLPClassifier
from .estimators.mlp_regressor import MLPRegressor
from .estimators.network_classifier import NetworkClassifier
from .estimators.network_regressor import NetworkRegressor
from .estimators.tabular_classifier import TabularClassifier
from .estimators.tabular_regressor import TabularRegressor
from .estimators.variational_autoencoder import VariationalAutoencoder
from .exceptions import DiagnosisWarning
from .serving.ensembles.predictor import TabularPredictor
from .serving.loading import load
from .serving.predictor import Predictor
from .versions import show_versions

__version__: str

__all__ = [
    "GAN",
    "Autoencoder",
    "CompiledPredictor",
    "CompiledTabularPredictor",
    "DiagnosisDisplay",
    "DiagnosisWarning",
    "LanguageModel",
    "LossCurveDisplay",
    "MLPClassifier",
    "MLPRegressor",
    "NetworkClassifier",
    "NetworkRegressor",
    "Predictor",
    "TabularClassifier",
    "TabularPredictor",
    "TabularRegressor",
    "VariationalAutoencoder",
    "augment",
    "exceptions",
    "export_c",
    "export_library",
    "export_onnx",
    "export_torch",
    "freeze",
    "import_torch",
    "kernels",
    "layers",
    "load",
    "losses",
    "optimizers",
    "schedules",
    "series",
    "show_versions",
    "text",
    "warmup",
]
