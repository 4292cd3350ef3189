"""Fitted estimators as files for other programs."""

from __future__ import annotations

from fusednn.serving.atomic import write_atomically

from .freezing import model_of


def export_onnx(estimator, path) -> None:
    """Writes a fitted network as an ONNX model; the onnx package is needed.

    Operators are those of opset 17, IR version 8, which ONNX Runtime reads since 1.12; no custom
    ones, no other files. Numbers are of the network's type. The input is checked by nobody:
    what `predict` refuses, such as NaN, goes through.

    Parameters
    ----------
    estimator : estimator
        What `freeze` takes: a fitted estimator of fusednn, scikit-learn's `MLPClassifier` or
        `MLPRegressor`, a `Pipeline` of scalers and one of these, or a `Predictor`.
    path : str or path-like
        Written whole or not at all; what was there is replaced.

    Notes
    -----
    The input is "X" of shape (N, n_features), N any number, in the network's type.

    Of a classifier the outputs are "label", of shape (N,), (N, n_labels) or (N, n_columns), and
    "probabilities" of shape (N, n_classes), as `predict` and `predict_proba` have them; where y
    had several columns of classes there are "probabilities_0", "probabilities_1" and so on.
    Labels are int64 for all integers, strings, booleans or floats.

    Of a regressor the output is "variable", in the shape of `predict`: (N,) for one target.

    Raises
    ------
    ImportError
        If onnx is not installed.
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is of another kind, or ONNX has no type for its classes.
    ValueError
        If the network is larger than an ONNX model can be, 2 GiB.
    OSError
        If the file cannot be written.
    """
    from fusednn.export.onnx import onnx_model

    model = onnx_model(model_of(estimator))
    write_atomically(path, model.SerializeToString(deterministic=True))
