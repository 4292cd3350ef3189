"""Outputs of a fitted network for rows that users give, and the score of such outputs."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator

from fusednn.plan.binding.loss import Target
from fusednn.plan.lengths import without_padding
from fusednn.training.predict import predict

from .input.constraints import DTYPES
from .input.plain_input import is_plain_input
from .input.row_weights import of_each_row
from .network.first_layer import check_input


class AnsweringMixin(BaseEstimator):
    """Computes outputs and scores; a base class of `BaseNetwork`."""

    def _outputs(self, X, network=None, link=True):
        """Computes outputs for X, of shape (n_samples, *output_shape_, n_outputs_).

        Parameters
        ----------
        X : array-like or sparse matrix
        network : function, optional
            Maps the estimator's network and parameters to the network and parameters to use.
        link : bool
            Whether to apply the output activation.
        """
        found, arrays, X = self._answering(X)
        if network is not None:
            found, arrays = network(found, arrays)
        outputs = predict(
            *(found, arrays, X),
            n_jobs=self.n_jobs,
            answer="outputs" if link else "logits",
            device=self.device,
        )
        if hasattr(self, "output_shape_"):
            outputs = outputs.reshape(len(outputs), *found.out_shape)
        return outputs

    def _answering(self, X):
        """Returns the network, its parameters, and X checked and converted to its dtype."""
        self._check_fitted()
        X = self._as_rows(X, reset=False)
        integers = self._integers_of(X, reset=False)
        if not is_plain_input(self, X, (*DTYPES["auto"], *integers)):
            X = self._converted(X, reset=False)
        dtype = self._network_dtype()
        if X.dtype != dtype and X.dtype not in integers:
            X = self._in_type(X, dtype)
        built = self._built()
        check_input(X, built)
        found = self._network_for(X, built)
        return found, [np.asarray(array, dtype) for array in self._parameters()], X

    def _score_rows(self, X, y, sample_weight):
        """Computes the score over the rows of samples, those with a known target."""
        outputs = self._outputs(X)
        X, y = self._validated(X, y, reset=False, **self._target_options)
        y = self._checked_targets(y)
        weights = self._checked_weights(sample_weight, X, y)
        truth = self._encode(y, float)
        target = Target(truth, of_each_row(weights, truth))
        target = without_padding(target, X, self._network_for(X, self._built()))
        if np.isnan(target.values).all():
            raise ValueError("y has no known target.")
        return self._score_targets(target, outputs)

    def _score_targets(self, target, outputs):
        """Computes the score of outputs, in an array (n, outputs of all rows), or with axes."""
        truth, weights, _ = target.rows()
        outputs = outputs.reshape(len(truth), -1)
        if target.values.ndim > 2:  # rows without a target do not count
            rows = ~np.isnan(truth).all(axis=1)
            truth, outputs = truth[rows], outputs[rows]
            weights = None if weights is None else weights[rows]
        return self._score_outputs(truth, outputs, weights)
