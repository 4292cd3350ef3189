"""The methods `save` and `load` of the estimators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from fusednn.serving.types import FilePath


class FilesMixin:
    """Methods that save and load an estimator; a base class of `BaseNetwork`."""

    def save(self, path: FilePath, notes: dict[str, Any] | None = None) -> None:
        """Writes the fitted estimator to a safetensors file, with the state that training needs.

        The file contains no pickle. `fusednn.load` reads it as a predictor, without scikit-learn.
        An existing file is replaced once the new one is complete.

        Parameters
        ----------
        path : str, bytes or os.PathLike
        notes : dict, optional
            Values that JSON can express, for the predictor's `notes`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If a parameter or an attribute, such as a function of your own, cannot be written
            without pickle; the message names it.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from fusednn import MLPClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = MLPClassifier([8], solver="lbfgs", max_iter=1000, random_state=0).fit(X, y)
        >>> model.save("iris.safetensors")
        >>> again = MLPClassifier.load("iris.safetensors")
        >>> bool((again.predict_proba(X) == model.predict_proba(X)).all())
        True
        """
        from .saving import save_estimator

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
            Predicts and continues training with the same bits as the saved one.

        Raises
        ------
        OSError
            If there is no such file, or it cannot be read.
        ValueError
            If the file does not contain an estimator of this class, is damaged, or has a later
            version of the format.
        """
        from .loading import load_estimator

        return load_estimator(cls, path)
