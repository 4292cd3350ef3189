"""Multi-layer perceptrons with scikit-learn's parameters and attributes."""

from __future__ import annotations

from itertools import pairwise, zip_longest
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

import numpy as np

from fusednn.plan.training import Rule
from fusednn.training.optimizer_state import rule_of

from .base import BaseNetwork
from .displays.diagram import layers_html
from .fitting.preparing import loss_and_gradient
from .input.constraints import CONSTRAINTS
from .network.parameters import first_norms
from .network.perceptron_weights import built_of, initial_weights
from .network.scaling import scaling_of

if TYPE_CHECKING:
    from fusednn.serving.types import FloatArray, MatrixLike

    from .input.types import Targets, Weights


class BaseMLP(BaseNetwork):
    """Base class of `MLPClassifier` and `MLPRegressor`; not for direct use."""

    _parameter_constraints: ClassVar[dict] = CONSTRAINTS
    _built_name = "coefs_"
    coefs_: list[FloatArray]
    intercepts_: list[FloatArray]
    norms_: list[list[FloatArray]]
    n_layers_: int
    _norm = None  # the value of `normalization` when the network was built

    def _hidden_sizes(self):
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if not all(isinstance(size, Real) and float(size) > 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        return sizes

    def _check_structure(self):
        self._hidden_sizes()
        self._dropout_rates()

    def _build(self, samples, random_state):
        X = samples.X
        sizes = [X.shape[1], *self._hidden_sizes(), self.n_outputs_]
        self.__dict__.pop("feature_means_", None)
        if self.standardize:
            mean, factor = scaling_of(X[samples.rows])
            self.feature_means_ = mean.astype(X.dtype)
            self.feature_factors_ = factor.astype(X.dtype)
        self.n_layers_ = len(sizes)
        self.__dict__.pop("norms_", None)
        self._norm = self.normalization  # the parameter may change later
        self.coefs_, self.intercepts_ = initial_weights(
            self.init, sizes, self.activation, X.dtype, random_state
        )
        if self._norm is not None:
            self.norms_ = first_norms(self._built(), X.dtype)

    def _parameters(self):
        """The arrays of the network, in the order of its ops."""
        arrays, norms = self._scaling(), getattr(self, "norms_", ())
        for w, b, norm in zip_longest(self.coefs_, self.intercepts_, norms, fillvalue=()):
            arrays += (w, b, *norm)
        return arrays

    def _scaling(self):
        """The means and factors of `standardize`; empty without it."""
        if not hasattr(self, "feature_means_"):
            return []
        return [self.feature_means_, self.feature_factors_]

    def _parameter_attributes(self, arrays):
        """Groups the network's arrays into fitted attributes; each layer begins with a matrix."""
        starts = [number for number, array in enumerate(arrays) if array.ndim == 2]
        layers = [arrays[at:end] for at, end in pairwise([*starts, len(arrays)])]
        coefs, intercepts = [w for w, *_ in layers], [b for _, b, *_ in layers]
        attributes = {"coefs_": coefs, "intercepts_": intercepts}
        if self._norm is not None:
            attributes["norms_"] = [norm for _, _, *norm in layers[:-1]]
        return attributes

    def _restore(self, arrays):
        """Sets the arrays of a network that was built before, when `_norm` was set."""
        if self._scaling():
            self.feature_means_, self.feature_factors_ = arrays[:2]
        self._set_parameters(arrays)

    def _built(self):
        """Builds the layers from `coefs_`, `intercepts_` and the parameters."""
        return built_of(
            self.coefs_,
            self.intercepts_,
            self.activation,
            self._output_groups(),
            norm=self._norm,
            dropout=self._dropout_rates(),
            max_norm=self.max_norm,
            scaled=bool(self._scaling()),
        )

    def _dropout_rates(self):
        """The dropout rate of each hidden layer; empty if all are 0.

        Raises
        ------
        ValueError
            If the number of rates is not that of the hidden layers, or a rate is not in [0, 1).
        """
        if type(self.dropout) is float and self.dropout == 0:  # the usual case, made fast
            return ()
        hidden = len(self._hidden_sizes())
        one = np.ndim(self.dropout) == 0
        rates = (float(self.dropout),) * hidden if one else tuple(map(float, self.dropout))
        if len(rates) != hidden or not all(0 <= rate < 1 for rate in rates):
            raise ValueError(
                f"dropout must be a rate in [0, 1) or {hidden} of them, one for each hidden layer;"
                f" got {self.dropout}."
            )
        return rates if any(rates) else ()

    def _check_sizes(self, inputs):
        """Returns the built layers; raises ValueError if weights, parameters and data disagree."""
        chain = self._built()  # raises ValueError for weights that do not fit together
        found = [len(self.coefs_[0]), *(w.shape[1] for w in self.coefs_)]
        asked = [inputs, *self._hidden_sizes(), self.n_outputs_]
        if bool(self.standardize) != bool(self._scaling()):
            raise ValueError("standardize cannot change while training goes on.")
        if self.normalization != self._norm:
            raise ValueError("normalization cannot change while training goes on.")
        if found != asked:
            raise ValueError(
                f"The weights are of a network of layers {found}, but the parameters and the"
                f" data ask for {asked}."
            )
        return chain

    def _named_ops(self):
        """The name of each layer, and the number of its op."""
        kinds = ["hidden"] if self._norm is None else ["hidden", "normalization"]
        names = [f"{kind} {layer}" for layer in range(self._count_hidden()) for kind in kinds]
        first = int(bool(self._scaling()))
        return [(name, op) for op, name in enumerate([*names, "output"], start=first)]

    def _count_hidden(self):
        return len(self.coefs_) - 1

    def _first_layers(self, count, network, arrays):
        """The network of the first `count` layers, and its parameters."""
        each = 1 if self._norm is None else 2
        network = network.first(count * each + bool(self._scaling()))
        return network, arrays[: len(network.parameters())]

    def _rule_of(self, solver):
        """The solver's rule; "sgd" and "adam" take their constants from the estimator."""
        if solver == "sgd":
            return Rule("nesterov" if self.nesterovs_momentum else "sgd", (self.momentum,))
        if solver == "adam":
            return Rule("adam", (self.beta_1, self.beta_2, self.epsilon))
        return rule_of(solver)

    @overload
    def loss_and_gradient(
        self,
        X: MatrixLike,
        y: Targets,
        sample_weight: Weights = None,
        inputs: Literal[False] = False,
    ) -> tuple[float, list[FloatArray], list[FloatArray]]: ...

    @overload
    def loss_and_gradient(
        self,
        X: MatrixLike,
        y: Targets,
        sample_weight: Weights = None,
        *,
        inputs: Literal[True],
    ) -> tuple[float, list[FloatArray], list[FloatArray], FloatArray]: ...

    def loss_and_gradient(
        self,
        X: MatrixLike,
        y: Targets,
        sample_weight: Weights = None,
        inputs: bool = False,
    ) -> tuple[Any, ...]:
        """Computes the loss of all samples as one batch, and its gradient.

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
            loss; scikit-learn's `loss_` has their mean.
        coef_grads, intercept_grads : list of ndarray
            In the shapes of `coefs_` and `intercepts_`. Gradients of other parameters, such as
            those of `normalization`, are not returned.
        input_grads : ndarray of shape (n_samples, n_features)
            Only with `inputs`: the gradient by X itself, before `standardize`. Dense for sparse X
            too.

        Examples
        --------
        At the minimum the gradient vanishes:

        >>> import numpy as np
        >>> from fusednn import MLPRegressor
        >>> X = np.random.RandomState(0).normal(size=(50, 2))
        >>> y = 3 * X[:, 0] - 2 * X[:, 1]
        >>> model = MLPRegressor(hidden_layer_sizes=[], solver="lbfgs", alpha=0.0).fit(X, y)
        >>> loss, [dw], [db] = model.loss_and_gradient(X, y)
        >>> loss < 1e-3, bool(abs(dw).max() < 1e-2)
        (True, True)
        """
        loss, arrays, *dx = loss_and_gradient(self, X, y, sample_weight, inputs)
        gradients = self._parameter_attributes(arrays)
        return loss, gradients["coefs_"], gradients["intercepts_"], *dx

    def _summary(self):
        """A word on the network, for messages of `warmup`."""
        return self.activation

    def _html_repr(self):
        """Appends a table of the layers of a fitted network to scikit-learn's diagram."""
        text = super()._html_repr()
        if hasattr(self, "coefs_"):
            sizes = [len(self.coefs_[0]), *(w.shape[1] for w in self.coefs_)]
            text += layers_html(sizes, self.activation, self.out_activation_)
        return text
