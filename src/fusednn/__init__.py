"""Neural networks for people who use scikit-learn, compiled with Numba for CPUs.

`import fusednn` imports neither scikit-learn nor SciPy and compiles nothing: each name below is
imported on first use.

Examples
--------
Replace `from sklearn.neural_network import MLPClassifier`:

>>> from sklearn.datasets import load_iris
>>> from fusednn import MLPClassifier
>>> X, y = load_iris(return_X_y=True)
>>> model = MLPClassifier([16], solver="lbfgs", max_iter=1000, random_state=0).fit(X, y)
>>> model.predict(X[:3]).tolist()
[0, 0, 0]
"""

from importlib import import_module

_HOMES = {
    "Autoencoder": "fusednn.estimators.autoencoder",
    "CompiledPredictor": "fusednn.compiled",
    "CompiledTabularPredictor": "fusednn.compiled_tables",
    "DiagnosisDisplay": "fusednn.estimators.diagnosis.display",
    "DiagnosisWarning": "fusednn.exceptions",
    "GAN": "fusednn.estimators.gan",
    "LanguageModel": "fusednn.estimators.language_model",
    "LossCurveDisplay": "fusednn.estimators.displays.loss_curve",
    "MLPClassifier": "fusednn.estimators.mlp_classifier",
    "MLPRegressor": "fusednn.estimators.mlp_regressor",
    "NetworkClassifier": "fusednn.estimators.network_classifier",
    "NetworkRegressor": "fusednn.estimators.network_regressor",
    "Predictor": "fusednn.serving.predictor",
    "TabularClassifier": "fusednn.estimators.tabular_classifier",
    "TabularPredictor": "fusednn.serving.ensembles.predictor",
    "TabularRegressor": "fusednn.estimators.tabular_regressor",
    "VariationalAutoencoder": "fusednn.estimators.variational_autoencoder",
    "export_c": "fusednn.estimators.deployment.exporting",
    "export_library": "fusednn.estimators.deployment.exporting",
    "export_onnx": "fusednn.estimators.deployment.exporting",
    "export_torch": "fusednn.estimators.deployment.torch_weights",
    "freeze": "fusednn.estimators.deployment.freezing",
    "import_torch": "fusednn.estimators.deployment.torch_weights",
    "load": "fusednn.serving.loading",
    "show_versions": "fusednn.versions",
    "warmup": "fusednn.estimators.deployment.warmup",
}
_MODULES = (
    *("augment", "exceptions", "kernels", "layers", "losses", "optimizers", "schedules"),
    *("series", "text"),
)

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


def _version() -> str:
    # this import takes as long as the rest of this module
    from importlib.metadata import PackageNotFoundError, version

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
