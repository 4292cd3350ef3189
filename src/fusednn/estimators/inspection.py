"""What lies inside a network: logits, hidden activations, the loss and its gradient."""

from __future__ import annotations

from functools import partial
from operator import index
from typing import Any, ClassVar

import numpy as np

from fusednn.plan.training import Rule, Target
from fusednn.training.session import Session

from .sample_weights import bounded, check_total, checked_weights, in_type
from .solvers import penalty_of
from .unknown import known_rows


class InspectionMixin:
    """Methods that scikit-learn's networks do not have; for `BaseNetwork`."""

    n_outputs_: int
    l1: float
    n_jobs: int | None
    _outputs: Any
    _parameters: Any
    _check_fitted: Any
    _count_hidden: Any
    _first_layers: Any
    _network_dtype: Any
    _validated: Any
    _checked_targets: Any
    _with_class_weight: Any
    _encode: Any
    _target_options: ClassVar[dict]
    _network: Any
    _check_sizes: Any
    _check_input: Any

    def predict_logits(self, X):
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

    def hidden_activations(self, X, layer=-1):
        """The outputs of a hidden layer, its activation applied.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        layer : int, default=-1
            Which of `hidden_layer_sizes` or `layers`, counted as Python counts: 0 is the first.

        Returns
        -------
        ndarray of shape (n_samples, n_units)

        Raises
        ------
        TypeError
            If `layer` is not an integer.
        ValueError
            If there is no such layer.
        """
        self._check_fitted()
        count = self._count_hidden()
        if not -count <= index(layer) < count:
            raise ValueError(f"layer must be in [{-count}, {count}), got {layer}.")
        first = partial(self._first_layers, index(layer) % count + 1)
        return self._outputs(X, first, link=False)

    def _loss_and_gradient(self, X, y, sample_weight):
        """The loss of all of the data, and its gradient by each parameter."""
        self._check_fitted()
        dtype = self._network_dtype()
        X, y = self._validated(X, y, reset=False, dtypes=(dtype,), **self._target_options)
        y = self._checked_targets(y)
        sample_weight = checked_weights(sample_weight, X)
        self._check_sizes(X.shape[1])
        self._check_input(X)
        X, y, targets, sample_weight, shares = known_rows(
            self, X, y, self._encode(y, dtype), sample_weight
        )
        weights = in_type(self._with_class_weight(y, sample_weight, incremental=False), dtype)
        check_total(weights)
        targets = np.ascontiguousarray(bounded(targets, weights), dtype)
        target = Target(targets, weights, shares)
        samples = np.arange(X.shape[0])
        session = Session(
            *(self._network(), X, target, Rule(None, l1=float(self.l1))),
            batch=len(samples),
            order=samples,
            l2=penalty_of(self),
            n_jobs=self.n_jobs,
        )
        session.load(self._parameters())
        per_output = session.network.loss_row().per_output
        with session:
            loss = session.run_gradient(self.n_outputs_ if per_output else 1)
        return loss, session.plan.layout.unpack(session.plan.gradient)
