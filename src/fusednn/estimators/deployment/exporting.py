"""Exports fitted estimators for other programs: ONNX, C and shared libraries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from fusednn.export.c.ensemble import write_c_ensemble
from fusednn.export.c.library import write_library
from fusednn.export.c.source import write_c
from fusednn.export.c.table_library import write_table_library
from fusednn.export.c.text import identifier
from fusednn.serving.files.paths import path_of
from fusednn.serving.files.replacing import replacing

from .freezing import ensemble_of, model_of

if TYPE_CHECKING:
    from onnx import ModelProto

    from fusednn.serving.types import FilePath


@overload
def export_onnx(
    estimator: Any, path: None, opset: int = 17, *, stream: bool = False
) -> ModelProto: ...
@overload
def export_onnx(
    estimator: Any, path: FilePath, opset: int = 17, *, stream: bool = False
) -> None: ...
def export_onnx(
    estimator: Any, path: FilePath | None, opset: int = 17, *, stream: bool = False
) -> ModelProto | None:
    """Writes a fitted network as an ONNX model, or returns it; requires the package onnx.

    The model uses only standard operators and consists of one file. Its numbers have the network's
    type. It does not check its input, so NaN, which `predict` refuses, goes through.

    Parameters
    ----------
    estimator : estimator or Predictor
        See `freeze`. A predictor with rounded weights is exported with these, in float32.
    path : str, bytes, os.PathLike or None
        The file. An existing file is replaced once the new one is complete. None: returns the
        model and writes nothing.
    opset : int, default=17
        Version of the operators, from 13 to the newest version of the installed onnx. It
        determines the IR version: opset 17 has IR version 8, which ONNX Runtime reads since 1.12.
    stream : bool, default=False
        Whether the model takes one step of a series at a time; see the notes.

    Returns
    -------
    onnx.ModelProto or None
        The model if `path` is None.

    Raises
    ------
    ImportError
        If onnx is not installed.
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If `freeze` does not support the estimator, or ONNX has no type for its classes.
    ValueError
        If the network exceeds the 2 GiB of an ONNX model, `opset` is out of range, or a label has
        half of a surrogate pair; with
        `stream` also if a layer looks ahead or needs the whole series.
    OSError
        If the file cannot be written.

    Notes
    -----
    The input is "X" of shape (N, n_features) in the network's type, for any N. If the network was
    fitted to X with axes, it has these: (N, H, W, C) for images. A network whose `layers` begin
    with `Reshape` was fitted to rows, and takes rows.

    A classifier has the outputs "label", of shape (N,), (N, n_labels) or (N, n_columns), and
    "probabilities" of shape (N, n_classes), equal to `predict` and `predict_proba`. If y had
    several columns of classes, "probabilities_0", "probabilities_1" etc. replace "probabilities".
    Labels are int64 (for all integers), strings, booleans or floats.

    A regressor has the output "variable", in the shape of `predict`: (N,) for one target. With
    loss="gaussian" it also has "std", the standard deviation.

    A model of raw tables has an input for each column in place of X; docs/onnx.md has their types.

    With `stream` X is the next step of each of N series, (N, features of a step), and there are
    inputs "state_0", "state_1" etc. of shape (N, ...): zeros before the first step, then what the
    outputs "next_state_0", "next_state_1" etc. gave at the step before. The other outputs are as
    if the series ended with the step.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import MLPClassifier, export_onnx
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier([8], solver="lbfgs", max_iter=1000, random_state=0).fit(X, y)
    >>> export_onnx(model, "iris.onnx")
    >>> [output.name for output in export_onnx(model, None).graph.output]
    ['label', 'probabilities']
    """
    from fusednn.export.onnx.ensemble import onnx_ensemble
    from fusednn.export.onnx.model import onnx_model

    if path is not None:
        path = path_of(path)
    ensemble = ensemble_of(estimator)
    if ensemble is None:
        model = onnx_model(model_of(estimator), opset, stream)
    elif stream:
        raise ValueError("stream must be False: a model of raw tables takes no series.")
    else:
        model = onnx_ensemble(ensemble, opset)
    if path is None:
        return model
    with replacing(path) as beside:
        Path(beside).write_bytes(model.SerializeToString(deterministic=True))
    return None


def export_c(estimator: Any, path: FilePath, name: str | None = None) -> None:
    """Writes a fitted network as one file of C99 that requires only the standard library.

    The functions are `int NAME_predict(const float *x, size_t n, float *out)`, `NAME_logits` and
    `NAME_check`; for classifiers also `NAME_labels` and `NAME_class`; for loss="gaussian" also
    `NAME_std`; for series that can be streamed `NAME_step`, `NAME_step_predict`, `NAME_reset`. A
    float64 network has double in place of float. A model of raw tables has
    `int NAME_predict(const NAME_row *rows, size_t n, double *out)`. docs/c.md describes them.

    Parameters
    ----------
    estimator : estimator or Predictor
        See `freeze`. A predictor with rounded weights is exported with these, in float32.
    path : str, bytes or os.PathLike
        The file. An existing file is replaced once the new one is complete.
    name : str, optional
        The prefix NAME of all names in the file, an identifier of C. By default the name of the
        file up to its first dot.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If `freeze` does not support the estimator.
    ValueError
        If the name is not an identifier or is a keyword, or a label is too long for C.

    Examples
    --------
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import MLPClassifier, export_c
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier([8], solver="lbfgs", max_iter=1000, random_state=0).fit(X, y)
    >>> export_c(model, "iris.c")
    >>> "int iris_predict(const double *x, size_t n, double *out)" in Path("iris.c").read_text()
    True
    """
    path = Path(path_of(path))
    found, ensemble = identifier(name, path), ensemble_of(estimator)
    if ensemble is None:
        write_c(model_of(estimator), path, found)
    else:
        write_c_ensemble(ensemble, path, found)


def export_library(
    estimator: Any,
    path: FilePath,
    name: str | None = None,
    compiler: str | None = None,
    native: bool = True,
) -> None:
    """Compiles a fitted network to a shared library, for `CompiledPredictor` or C.

    The library has the functions that `export_c` describes. One of a model of raw tables is for
    `CompiledTabularPredictor`, which prepares tables as the estimator does.

    Parameters
    ----------
    estimator : estimator or Predictor
        See `freeze`. A predictor with rounded weights is exported with these, in float32.
    path : str, bytes or os.PathLike
        The library. An existing file is replaced once the new one is complete; processes that
        have loaded it keep the old one.
    name : str, optional
        See `export_c`.
    compiler : str, optional
        The command of GCC or Clang, with options if needed. By default the environment variable
        CC, otherwise the first of cc, gcc and clang that is installed. MSVC is not supported.
    native : bool, default=True
        True compiles for the CPU of this machine, with all its instructions. On a CPU without
        these, loading raises an error on x86, and calls crash elsewhere. False compiles for every
        CPU of the architecture; the library is slower.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    RuntimeError
        If there is no compiler, or it fails.
    TypeError
        If `freeze` does not support the estimator, or a class is not a number, bool or string.
    ValueError
        See `export_c`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fusednn import CompiledPredictor, MLPClassifier, export_library
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier([8], solver="lbfgs", max_iter=1000, random_state=0).fit(X, y)
    >>> export_library(model, "iris.so", native=False)
    >>> CompiledPredictor("./iris.so").predict(X[:3]).tolist()
    [0, 0, 0]
    """
    path = Path(path_of(path))
    found, ensemble = identifier(name, path), ensemble_of(estimator)
    if ensemble is None:
        write_library(model_of(estimator), path, found, compiler, native)
    else:
        write_table_library(ensemble, path, found, compiler, native)
