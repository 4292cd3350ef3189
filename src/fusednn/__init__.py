"""Neural networks for people who use scikit-learn, compiled with Numba for CPUs.

Names are imported on first use: `import fusednn` brings neither scikit-learn nor SciPy, and
compiles nothing.
"""

from importlib import import_module

_HOMES = {
    "CompiledPredictor": "fusednn.compiled",
    "DiagnosisDisplay": "fusednn.estimators.diagnosis.display",
    "DiagnosisWarning": "fusednn.exceptions",
    "LossCurveDisplay": "fusednn.estimators.displays.loss_curve",
    "MLPClassifier": "fusednn.estimators.mlp_classifier",
    "MLPRegressor": "fusednn.estimators.mlp_regressor",
    "NetworkClassifier": "fusednn.estimators.network_classifier",
    "NetworkRegressor": "fusednn.estimators.network_regressor",
    "Predictor": "fusednn.serving.predictor",
    "export_c": "fusednn.estimators.deployment.exporting",
    "export_library": "fusednn.estimators.deployment.exporting",
    "export_onnx": "fusednn.estimators.deployment.exporting",
    "freeze": "fusednn.estimators.deployment.freezing",
    "load": "fusednn.serving.loading",
    "show_versions": "fusednn.versions",
    "warmup": "fusednn.estimators.deployment.warmup",
}
_MODULES = ("exceptions", "kernels", "layers", "losses", "optimizers", "schedules")

__all__ = [
    "CompiledPredictor",
    "DiagnosisDisplay",
    "DiagnosisWarning",
    "LossCurveDisplay",
    "MLPClassifier",
    "MLPRegressor",
    "NetworkClassifier",
    "NetworkRegressor",
    "Predictor",
    "exceptions",
    "export_c",
    "export_library",
    "export_onnx",
    "freeze",
    "kernels",
    "layers",
    "load",
    "losses",
    "optimizers",
    "schedules",
    "show_versions",
    "warmup",
]


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # takes as long as all else here

    try:
        return version("fusednn")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0+unknown"


def __getattr__(name):
    if name == "__version__":
        return globals().setdefault(name, _version())
    if name in _MODULES:
        return import_module(f"fusednn.{name}")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'fusednn' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
