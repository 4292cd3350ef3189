"""Fitted estimators as files for other programs: ONNX, C, and shared libraries made of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from fusednn.export.c.library import write_library
from fusednn.export.c.source import write_c
from fusednn.export.c.text import identifier
from fusednn.serving.files.paths import path_of
from fusednn.serving.files.replacing import replacing

from .freezing import model_of

if TYPE_CHECKING:
    from onnx import ModelProto

    from fusednn.serving.types import FilePath


@overload
def export_onnx(estimator: Any, path: None, opset: int = 17) -> ModelProto: ...
@overload
def export_onnx(estimator: Any, path: FilePath, opset: int = 17) -> None: ...
def export_onnx(estimator: Any, path: FilePath | None, opset: int = 17) -> ModelProto | None:
    """Writes a fitted network as an ONNX model, or returns it; the onnx package is needed.

    Operators are those of the standard's own domain; no custom ones, no other files. Numbers are
    of the network's type. The input is checked by nobody: what `predict` refuses, such as NaN,
    goes through.

    Parameters
    ----------
    estimator : estimator
        What `freeze` takes, or a `Predictor`; of one with rounded weights the network with its
        rounded weights, in float32.
    path : str, bytes, os.PathLike or None
        Written whole or not at all; what was there is replaced. None writes nothing, and returns
        the model.
    opset : int, default=17
        Version of the operators, from 13 to the newest that the installed onnx knows. That of
        IR goes with it; with 17 it is 8, which ONNX Runtime reads since 1.12.

    Returns
    -------
    onnx.ModelProto or None
        The model if `path` is None.

    Notes
    -----
    The input is "X" of shape (N, n_features), N any number, in the network's type.

    The outputs of a classifier are "label", of shape (N,), (N, n_labels) or (N, n_columns), and
    "probabilities" of shape (N, n_classes), as `predict` and `predict_proba` have them; where y
    had several columns of classes there are "probabilities_0", "probabilities_1" and so on.
    Labels are int64 for all integers, strings, booleans or floats.

    The output of a regressor is "variable", in the shape of `predict`: (N,) for one target;
    loss="gaussian" has "std" beside it, the standard deviation.

    Raises
    ------
    ImportError
        If onnx is not installed.
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is of another kind, or ONNX has no type for its classes.
    ValueError
        If the network is larger than an ONNX model can be, 2 GiB, or `opset` is another.
    OSError
        If the file cannot be written.
    """
    from fusednn.export.onnx.model import onnx_model

    if path is not None:
        path = path_of(path)
    model = onnx_model(model_of(estimator), opset)
    if path is None:
        return model
    with replacing(path) as beside:
        Path(beside).write_bytes(model.SerializeToString(deterministic=True))
    return None


def export_c(estimator: Any, path: FilePath, name: str | None = None) -> None:
    """Writes a fitted network as one file of C99 that needs nothing but the standard library.

    Its functions are `int NAME_predict(const float *x, size_t n, float *out)`, `NAME_logits`,
    `NAME_check` and, of classifiers, `NAME_labels` and `NAME_class`, of loss="gaussian"
    `NAME_std`; of a float64 network they take and give double. docs/c.md tells of them.

    Parameters
    ----------
    estimator : estimator or Predictor
        As `fusednn.freeze` takes it; of a predictor with rounded weights the network with its
        rounded weights, in float32.
    path : str, bytes or os.PathLike
        The file; one that is there is replaced.
    name : str, optional
        What the names in it begin with, an identifier of C; by default the file's, without what
        follows the first dot.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is of another kind.
    ValueError
        If the name is no identifier or a keyword, or a label is too long for C.
    """
    path = Path(path_of(path))
    found = identifier(name, path)
    write_c(model_of(estimator), path, found)


def export_library(
    estimator: Any,
    path: FilePath,
    name: str | None = None,
    compiler: str | None = None,
    native: bool = True,
) -> None:
    """Compiles a fitted network to a shared library, for `fusednn.CompiledPredictor` or C.

    It has the functions that `export_c` describes.

    Parameters
    ----------
    estimator : estimator or Predictor
        As `fusednn.freeze` takes it; of a predictor with rounded weights the network with its
        rounded weights, in float32.
    path : str, bytes or os.PathLike
        The library; one that is there is replaced, and who has loaded it keeps the old one.
    name : str, optional
        As of `export_c`.
    compiler : str, optional
        The command of GCC or Clang, with options if need be; by default the environment
        variable CC, or cc, gcc or clang, whichever is there. MSVC is not supported.
    native : bool, default=True
        Compiles for the CPU of this machine, with all that it can do; that others lack its
        instructions is noticed on x86 only. False is for any of its kind, and slower.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    RuntimeError
        If there is no compiler, or it fails.
    TypeError
        If the estimator, or a label of its classes, is of another kind.
    ValueError
        As of `export_c`.
    """
    path = Path(path_of(path))
    found = identifier(name, path)
    write_library(model_of(estimator), path, found, compiler, native)
