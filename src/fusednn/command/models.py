"""Loads models for the commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fusednn.tables.tabular import Tabular

from .terminal.errors import UserError

if TYPE_CHECKING:
    from fusednn.serving.predictor import Predictor


def open_model(path: Path, jobs: int | None = None) -> tuple[Predictor, Tabular]:
    """
    Load a model that `fusednn fit` has written.

    Parameters
    ----------
    path : Path
    jobs : int, default=None
        Number of threads.

    Returns
    -------
    Predictor, Tabular

    Raises
    ------
    UserError
        If there is no such file, or `fusednn fit` did not write it.
    """
    predictor = opened(path, jobs)
    table = Tabular.from_notes(predictor.notes, path)
    classes = getattr(predictor, "classes_", None)
    outputs = None if table.target.labels is None else len(table.target.labels)
    if predictor.n_features_in_ != len(table.encoding.names) or outputs != (
        None if classes is None else len(classes)
    ):
        raise UserError(f"{path} has notes that do not match its network: run `fusednn fit` again")
    return predictor, table


def opened(path: Path, jobs: int | None = None) -> Predictor:
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
