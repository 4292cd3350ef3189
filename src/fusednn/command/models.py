"""Loads models for the commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fusednn.tables.tabular import Tabular

from .terminal.errors import UserError

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from fusednn.serving.ensembles.predictor import TabularPredictor
    from fusednn.serving.predictor import Predictor


def is_raw(predictor: Predictor | TabularPredictor) -> TypeIs[TabularPredictor]:
    """Whether a model prepares raw tables by itself."""
    from fusednn.serving.ensembles.predictor import TabularPredictor

    return isinstance(predictor, TabularPredictor)


def open_model(
    path: Path, jobs: int | None = None
) -> tuple[Predictor | TabularPredictor, Tabular]:
    """
    Load a model that `fusednn fit` has written.

    Parameters
    ----------
    path : Path
    jobs : int, default=None
        Number of threads.

    Returns
    -------
    Predictor or TabularPredictor, Tabular

    Raises
    ------
    UserError
        If there is no such file, or `fusednn fit` did not write it.
    """
    predictor = opened(path, jobs)
    table = Tabular.from_notes(predictor.notes, path)
    classes = getattr(predictor, "classes_", None)
    outputs = None if table.target.labels is None else len(table.target.labels)
    read = table.encoding.inputs if is_raw(predictor) else table.encoding.names
    if predictor.n_features_in_ != len(read) or outputs != (
        None if classes is None else len(classes)
    ):
        raise UserError(f"{path} has notes that do not match its network: run `fusednn fit` again")
    return predictor, table


def opened(path: Path, jobs: int | None = None) -> Predictor | TabularPredictor:
    """
    Load any fusednn model.

    Raises
    ------
    UserError
        If there is no such file, or it is not a model.
    """
    import fusednn

    try:
        return fusednn.load(path, n_jobs=jobs)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise UserError(f"{error}") from None
