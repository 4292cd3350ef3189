"""`save` and `load` of the estimators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from fusednn.serving.types import FilePath


class FilesMixin:
    """An estimator's ways to a file and back; beside a `BaseNetwork`."""

    def save(self, path: FilePath, notes: dict[str, Any] | None = None) -> None:
        """Writes the fitted estimator: safetensors, with all that training needs to go on.

        No pickle is in it. `fusednn.load` reads the file too, as a predictor, without
        scikit-learn. A file that is there is replaced when the new one is whole.

        Parameters
        ----------
        path : str, bytes or os.PathLike
        notes : dict, optional
            Kept in the file for the predictor's `notes`; what JSON can write.

        Raises
        ------
        NotFittedError
            If it is not fitted.
        ValueError
            If a parameter or an attribute cannot be written without pickle, such as a function
            of your own; the message names it.
        OSError
            If the file cannot be written.
        """
        from .saving import save_estimator

        save_estimator(self, path, notes)

    @classmethod
    def load(cls, path: FilePath) -> Self:
        """Reads a file that `save` has written.

        Parameters
        ----------
        path : str, bytes or os.PathLike

        Returns
        -------
        estimator
            Predicts with the same bits, and goes on training as the saved one would.

        Raises
        ------
        OSError
            If there is no such file, or it cannot be read.
        ValueError
            If it is no such file, is damaged, is of a later version of the format, or holds
            another class.
        """
        from .loading import load_estimator

        return load_estimator(cls, path)
