"""What a fitted game gives: samples, and the discriminator's answers."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d

from fusednn.estimators.input.steps import axes_of
from fusednn.graph.layers.untrained import Standardize
from fusednn.graph.network import Network
from fusednn.serving.model import LOSS_OF_LINK
from fusednn.training.predict import predict

from .game_parts import halves
from .lists import built_list
from .playing import PlayedNetwork

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from fusednn.estimators.input.types import RandomState
    from fusednn.serving.predictor import Predictor
    from fusednn.serving.types import FloatArray, MatrixLike


class DrawingNetwork(PlayedNetwork):
    """Samples and scores of a fitted game; not for direct use."""

    def sample(
        self,
        n_samples: int | None = None,
        y: ArrayLike | None = None,
        random_state: RandomState = None,
    ) -> FloatArray:
        """Makes new samples.

        Parameters
        ----------
        n_samples : int or None, default=None
            How many. None: 1, or one for each of y.
        y : array-like of shape (n_samples,), default=None
            The classes of the samples, of a network that was fitted to classes. None: drawn, all
            equally often. One class: for all samples.
        random_state : int, RandomState or None, default=None
            Seeds the noise.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            In the network's type; (n_samples, *axes) if X had axes in `fit`.

        Raises
        ------
        ValueError
            If `n_samples` is not a positive integer, or y has classes that `fit` has not seen or
            another length.
        """
        self._check_fitted()
        random_state = check_random_state(random_state)
        classes = None if y is None else column_or_1d(np.atleast_1d(y))
        if n_samples is None:
            n_samples = 1 if classes is None else len(classes)
        if not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(f"n_samples must be a positive integer, got {n_samples!r}.")
        codes = self._codes_for(int(n_samples), classes, random_state)
        network, arrays = self._part(False)
        latent = network.inputs - self._n_classes  # that of the fit
        noise = random_state.normal(size=(int(n_samples), latent))
        given = self._given(noise.astype(self._network_dtype()), codes)
        where = {"n_jobs": self.n_jobs, "device": self.device}
        found = predict(network, arrays, given, answer="logits", **where)
        return self._in_axes(found)

    def _codes_for(self, count, y, random_state):
        if not self._n_classes:
            if y is not None:
                raise ValueError("y has classes, but the network was fitted without.")
            return None
        if y is None:
            return random_state.randint(self._n_classes, size=count)
        codes = self._numbers_of(y)
        if len(codes) not in (1, count):
            raise ValueError(f"y has {len(codes)} classes for {count} samples.")
        return np.resize(codes, count)

    def score_samples(self, X: MatrixLike, y: ArrayLike | None = None) -> FloatArray:
        """Returns the discriminator's outputs: the higher, the more like the data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *axes)
            The samples.
        y : array-like of shape (n_samples,), default=None
            Their classes, of a network that was fitted to classes. None: the largest output of
            all classes.

        Returns
        -------
        ndarray of shape (n_samples,)
            In the network's type. For "bce" a logit.

        Raises
        ------
        ValueError
            If X or y is invalid.
        """
        self._check_fitted()
        X = self._ready(X)
        network, arrays = self._part(True)
        where = {"n_jobs": self.n_jobs, "device": self.device}
        found = predict(network, arrays, X, answer="logits", **where)
        if y is None:
            return found.max(axis=1)
        if not self._n_classes:
            raise ValueError("y has classes, but the network was fitted without.")
        y = column_or_1d(y)
        check_consistent_length(X, y)
        return found[np.arange(len(found)), self._numbers_of(y)]

    def _answering(self, X):
        """The discriminator, its parameters and checked X: inner values are those of X there."""
        self._check_fitted()
        X, arrays = self._ready(X), self._typed_parameters()
        maker, judge = (Network(ops, LOSS_OF_LINK["identity"]) for ops in halves(self._pair))
        return judge, arrays[len(maker.parameters()) :], X

    def _count_hidden(self):
        return len(self.discriminator_layers_)

    def _first_layers(self, count, network, arrays):
        # behind the op that reads the axes of X
        scaling = [op for op in network.ops[1:2] if isinstance(op, Standardize)]
        layers = self.discriminator_layers_[:count]
        ops = built_list("discriminator", layers, axes_of(self)).ops
        network = network._replace(ops=(ops[0], *scaling, *ops[1:]))
        return network, arrays[: len(network.parameters())]

    @property
    def classes_(self) -> np.ndarray:
        """The classes, of a network that was fitted to some."""
        if not self._n_classes:
            raise AttributeError("The network was not fitted to classes.")
        return np.asarray(self._class_list)

    @property
    def generator_(self) -> Predictor:
        """A frozen copy of the generator."""
        return self._predictor(False, reads_X=False)

    @property
    def discriminator_(self) -> Predictor:
        """A frozen copy of the discriminator."""
        return self._predictor(True, reads_X=True, column=False)
