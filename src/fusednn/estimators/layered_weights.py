"""The weights of networks of layers, layer by layer, and the gradient of the loss by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self, overload

from sklearn.base import BaseEstimator

from .fitting.preparing import loss_and_gradient
from .input.sequences import in_form_of
from .network.lists_of_arrays import by_layer, replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fusednn.serving.types import FloatArray, MatrixLike

    from .input.types import Targets, Weights
    from .network.built_layers import BuiltLayers


class WeightsMixin(BaseEstimator):
    """Methods that show and set weights; a base class of networks of one list or two."""

    _arrays: list[FloatArray]
    _built: Callable[[], BuiltLayers]

    def get_weights(self) -> list[list[Any]]:
        """Returns copies of the weights, layer by layer.

        Returns
        -------
        list of list of ndarray
            A list for each of `layers`, and one for the output layer. An estimator with two lists
            of layers has one for each layer of both, and none for an output layer.

            * `Dense`: weights (I, O) and biases (O,); without biases if it has none; with
              `weight_norm` directions (I, O), biases (O,) and norms (O,); without weights if
              these are an earlier layer's, in a decoder with `tied=True`;
            * `BatchNorm`: scale, shift, running mean and running variance, each (I,);
            * `LayerNorm`: scale and shift; `RMSNorm`: scale; `PReLU`: slopes; `Scale`: factors;
              `ParametricActivation`: shares; each (I,);
            * `PiecewiseLinear`: with a size S weights and biases (m, S) of m columns, and tables
              (bins, S); the edges are in `layers_`;
            * `Periodic`: frequencies and phases (m, F) of m columns, weights (S, m, F) and biases
              (S, m); PLR has no phases, and weights (2 S, m, F), the sines' behind the cosines';
            * `Embedding`: a table (categories, size) for each column; `TokenEmbedding`: a table
              (count, size);
            * convolutions and their transposes: weights (*kernel_size, I / groups, O) and biases
              (O,), if they have them; I and O are channels;
            * `Residual`: a list for each inner layer, then for each layer of its shortcut;
            * other layers: an empty list.

            The scaling of `standardize` is not included.

        Examples
        --------
        >>> import numpy as np
        >>> from fusednn import NetworkRegressor
        >>> from fusednn.layers import Activation, BatchNorm, Dense
        >>> X, y = np.random.RandomState(0).normal(size=(64, 3)), np.ones(64)
        >>> model = NetworkRegressor([Dense(8), BatchNorm(), Activation("relu")]).initialize(X, y)
        >>> [len(arrays) for arrays in model.get_weights()]
        [2, 4, 0, 2]
        """
        self._check_fitted()
        return by_layer(self._built(), [array.copy() for array in self._arrays])

    def set_weights(self, weights: Sequence[Sequence[Any]]) -> Self:
        """Sets the weights, layer by layer.

        Parameters
        ----------
        weights : list of list of array-like
            In the form of `get_weights`. They are copied, in the network's type.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a number of arrays or a shape differs, or values are not finite; the estimator then
            stays unchanged.

        Examples
        --------
        >>> import numpy as np
        >>> from fusednn import NetworkRegressor
        >>> X, y = np.array([[1.0, 2.0]]), [0.0]
        >>> model = NetworkRegressor([]).initialize(X, y)
        >>> model.set_weights([[[[10.0], [1.0]], [0.5]]]).predict(X).tolist()
        [12.5]
        """
        self._check_fitted()
        self._arrays = replaced(self._built(), self._arrays, weights)
        return self


class LayeredWeightsMixin(WeightsMixin):
    """The gradient by the weights; a base class of `BaseLayered`."""

    @overload
    def loss_and_gradient(
        self,
        X: MatrixLike,
        y: Targets,
        sample_weight: Weights = None,
        inputs: Literal[False] = False,
    ) -> tuple[float, list[list[Any]]]: ...

    @overload
    def loss_and_gradient(
        self,
        X: MatrixLike,
        y: Targets,
        sample_weight: Weights = None,
        *,
        inputs: Literal[True],
    ) -> tuple[float, list[list[Any]], FloatArray]: ...

    def loss_and_gradient(
        self,
        X: MatrixLike,
        y: Targets,
        sample_weight: Weights = None,
        inputs: bool = False,
    ) -> tuple[Any, ...]:
        """Computes the loss of all samples as one batch, and its gradient.

        The network is that of training, but without dropout, noise, augmentations and mixup.
        `BatchNorm` uses the statistics of these samples and leaves its running statistics
        unchanged.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets; see `fit`. New classes are not allowed.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.
        inputs : bool, default=False
            Whether to return the gradient by X too.

        Returns
        -------
        loss : float
            Weighted mean over the samples, with the L1 term, and the L2 term if the solver has
            one. Squared errors of several outputs are summed, so that the gradient is that of the
            loss; `loss_` has their mean.
        gradient : list of list of ndarray
            In the form of `get_weights`; zeros for running statistics.
        input_grads : ndarray of the shape of X
            Only with `inputs`: the gradient by X itself, before `standardize`. Dense for sparse X
            too, and 0 for the codes that an `Embedding` reads.

        Examples
        --------
        The loss (z - y)^2 / 2 of one sample with z = 12.5 and y = 10:

        >>> import numpy as np
        >>> from fusednn import NetworkRegressor
        >>> X, y = np.array([[1.0, 2.0]]), [10.0]
        >>> model = NetworkRegressor([]).initialize(X, y)
        >>> model = model.set_weights([[[[10.0], [1.0]], [0.5]]])
        >>> loss, [[dw, db]], dx = model.loss_and_gradient(X, y, inputs=True)
        >>> loss, dw.tolist(), db.tolist(), dx.tolist()
        (3.125, [[2.5], [5.0]], [2.5], [[25.0, 2.5]])
        """
        loss, gradients, *dx = loss_and_gradient(self, X, y, sample_weight, inputs)
        dx = [in_form_of(X, one) for one in dx]
        return loss, by_layer(self._built(), gradients), *dx
