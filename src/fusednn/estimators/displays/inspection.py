"""Inner values of a fitted network: logits, hidden activations, gradients by the input."""

from __future__ import annotations

from math import prod
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator

from fusednn.estimators.input.sequences import in_form_of
from fusednn.plan.binding.loss import loss_row
from fusednn.training.predict import input_gradient, predict

if TYPE_CHECKING:
    from fusednn.serving.types import FloatArray, MatrixLike


class LooksMixin(BaseEstimator):
    """Methods that show inner values of the network; a base class of `BaseNetwork`."""

    def predict_logits(self, X: MatrixLike) -> FloatArray:
        """Returns the last layer's outputs before the output activation.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs_)
            (n_samples, *output_shape_, n_outputs_) of a network that ends with axes. In the
            network's type. For two classes there is one logit, that of the second class.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from fusednn import MLPClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = MLPClassifier([8], solver="lbfgs", max_iter=1000, random_state=0).fit(X, y)
        >>> logits = model.predict_logits(X)
        >>> bool((logits.argmax(axis=1) == model.predict(X)).all())
        True
        """
        return self._outputs(X, link=False)

    def hidden_activations(self, X: MatrixLike, layer: int = -1) -> FloatArray:
        """Returns the outputs of a hidden layer, after its activation.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.
        layer : int, default=-1
            Index in `hidden_layer_sizes` or `layers`; negative ones count from the end. For an
            autoencoder the decoder's layers follow the encoder's, in `layers_`; for a `GAN` they
            are `discriminator_layers_`.

        Returns
        -------
        ndarray of shape (n_samples, n_units), or (n_samples, *axes) if samples have axes there
            In the network's type.

        Raises
        ------
        TypeError
            If `layer` is not an integer.
        ValueError
            If there is no such layer.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from fusednn import MLPClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = MLPClassifier([8, 2], solver="lbfgs", max_iter=1000, random_state=0).fit(X, y)
        >>> model.hidden_activations(X, 0).shape, model.hidden_activations(X).shape
        ((150, 8), (150, 2))
        """
        self._check_fitted()
        count, layer = self._count_hidden(), _whole("layer", layer)
        if not -count <= layer < count:
            raise ValueError(f"layer must be in [{-count}, {count}), got {layer}.")
        network, arrays, X = self._answering(X)
        network, arrays = self._first_layers(layer % count + 1, network, arrays)
        if not arrays:  # nothing but X has the network's type
            X = np.asarray(X, self._network_dtype())
        found = predict(
            network, arrays, X, n_jobs=self.n_jobs, device=self.device, answer="logits"
        )
        return found.reshape(len(found), *network.out_shape)

    def input_gradient(self, X: MatrixLike, of: int | None = None) -> FloatArray:
        """Returns the derivative of an output by each input (saliency).

        The output is a logit, before softmax or another link. The network is that of predictions:
        without dropout and noise, and with the running statistics of `BatchNorm`. The derivative
        is by X itself, before `standardize`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Input.
        of : int, default=None
            The number of the output, a column of `predict_logits`. None: the only output, or in
            each row the output of the predicted class. For two classes there is one output, that
            of the second class. A network that ends with axes, such as the steps of a sequence,
            has the outputs of all rows of a sample: of its step t the number is
            t * n_outputs_ + column.

        Returns
        -------
        ndarray of the shape of X, or list of ndarray
            In the network's type; dense for sparse X too. 0 for codes that an `Embedding` reads,
            and for padding. A list where X lists series of unequal lengths.

        Raises
        ------
        TypeError
            If `of` is not an integer.
        ValueError
            If there is no such output, or `of` is None and the network has several outputs that
            are not the classes of one target.

        References
        ----------
        Simonyan, Vedaldi and Zisserman, "Deep inside convolutional networks: visualising image
        classification models and saliency maps", arXiv:1312.6034.

        Examples
        --------
        The derivative of a linear model is its coefficients:

        >>> import numpy as np
        >>> from fusednn import MLPRegressor
        >>> X = np.random.RandomState(0).normal(size=(50, 2))
        >>> y = 3 * X[:, 0] - 2 * X[:, 1]
        >>> model = MLPRegressor(hidden_layer_sizes=[], solver="lbfgs", alpha=0.0).fit(X, y)
        >>> model.input_gradient(X[:1]).round(1).tolist()
        [[3.0, -2.0]]
        """
        given = X
        network, arrays, X = self._answering(X)
        outputs = prod(network.out_shape)
        if of is None:
            classes = loss_row(network).class_targets and not network.groups
            if outputs > 1 and not (classes and outputs == network.outputs):
                raise ValueError(f"The network has {outputs} outputs: say which by `of`.")
            picked = -1
        else:
            picked = _whole("of", of)
            if not 0 <= picked < outputs:
                raise ValueError(f"of must be in [0, {outputs}), got {of}.")
        found = input_gradient(
            network, arrays, X, picked=picked, n_jobs=self.n_jobs, device=self.device
        )
        return in_form_of(given, found)


def _whole(name: str, value) -> int:
    """Converts the number of a layer or an output to int; raises TypeError."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}.")
    return int(value)
