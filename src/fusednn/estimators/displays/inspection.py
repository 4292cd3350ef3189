"""Looks inside a fitted network: logits, hidden layers, and what an output owes to each input."""

from __future__ import annotations

from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING

from sklearn.base import BaseEstimator

from fusednn.plan.binding.loss import loss_row
from fusednn.training.predict import input_gradient

if TYPE_CHECKING:
    from fusednn.serving.types import FloatArray, MatrixLike


class LooksMixin(BaseEstimator):
    """What an estimator shows besides its predictions; beside a `BaseNetwork`."""

    def predict_logits(self, X: MatrixLike) -> FloatArray:
        """The last layer's outputs before the output activation.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_outputs_)
            In the network's type. Of two classes there is one logit, for the second.
        """
        return self._outputs(X, link=False)

    def hidden_activations(self, X: MatrixLike, layer: int = -1) -> FloatArray:
        """The outputs of a hidden layer, its activation applied.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        layer : int, default=-1
            Which of `hidden_layer_sizes` or `layers`, counted as Python counts: 0 is the first.

        Returns
        -------
        ndarray of shape (n_samples, n_units)
            The axes of a sample, where `Reshape` gave it some, are joined into one.

        Raises
        ------
        TypeError
            If `layer` is not an integer.
        ValueError
            If there is no such layer.
        """
        self._check_fitted()
        count, layer = self._count_hidden(), _whole("layer", layer)
        if not -count <= layer < count:
            raise ValueError(f"layer must be in [{-count}, {count}), got {layer}.")
        first = partial(self._first_layers, layer % count + 1)
        return self._outputs(X, first, link=False)

    def input_gradient(self, X: MatrixLike, of: int | None = None) -> FloatArray:
        """The derivative of an output by each input: what moves it, and how much (saliency).

        The output is that before softmax or another link, in the network as it predicts: without
        dropout and noise, and `BatchNorm` by its running statistics. The inputs are those that
        the estimator is given, before its `standardize`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        of : int, default=None
            The number of the output, a column of `predict_logits`. None is the only output, or in
            each row the predicted class's. Of two classes there is one, for the second.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            In the network's type; dense for sparse X too. Columns of codes that an `Embedding`
            reads have no derivative, and 0.

        Raises
        ------
        TypeError
            If `of` is not an integer.
        ValueError
            If there is no such output, or none is given where several are no classes of one
            target.
        """
        network, arrays, X = self._answering(X)
        if of is None:
            classes = loss_row(network).class_targets and not network.groups
            if network.outputs > 1 and not classes:
                raise ValueError(f"The network has {network.outputs} outputs: say which by `of`.")
            picked = -1
        else:
            picked = _whole("of", of)
            if not 0 <= picked < network.outputs:
                raise ValueError(f"of must be in [0, {network.outputs}), got {of}.")
        return input_gradient(network, arrays, X, picked=picked, n_jobs=self.n_jobs)


def _whole(name: str, value) -> int:
    """A number of a layer or an output."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}.")
    return int(value)
