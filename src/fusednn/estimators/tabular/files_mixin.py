"""The methods `save` and `load` of the estimators of raw tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from fusednn.serving.types import FilePath


class FilesMixin:
    """Methods that save and load an estimator; a base class of `BaseTabular`."""

    def save(self, path: FilePath, notes: dict[str, Any] | None = None) -> None:
        """Writes the fitted estimator to a safetensors file: preparation, networks, weights.

        The file contains no pickle. `fusednn.load` reads it as a `TabularPredictor`, without
        scikit-learn. An existing file is replaced once the new one is complete.

        Parameters
        ----------
        path : str, bytes or os.PathLike
        notes : dict, optional
            Values that JSON can express, for the predictor's `notes`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it predicts with its training rows, as `TabularRegressor` may with preset "best".
        ValueError
            If a parameter, such as a function of your own, cannot be written without pickle; the
            message names it.
        OSError
            If the file cannot be written.
        """
        from .files import save_estimator

        save_estimator(self, path, notes)

    @classmethod
    def load(cls, path: FilePath) -> Self:
        """Loads an estimator from a file that `save` has written.

        Parameters
        ----------
        path : str, bytes or os.PathLike

        Returns
        -------
        estimator
            Predicts as the saved one. Its `members_` are predictors, which are not trained
            further; `fit` trains new networks.

        Raises
        ------
        OSError
            If there is no such file, or it cannot be read.
        ValueError
            If the file does not contain an estimator of this class, is damaged, or has a later
            version of the format.
        """
        from .files import load_estimator

        return load_estimator(cls, path)
