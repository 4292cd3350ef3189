"""What the classifier and the regressor share: parameters, checked input, the way to a fit."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from fusednn.plan.inference import WHOLE
from fusednn.plan.training import Target
from fusednn.training.predict import predict

from .callbacks import CallbackSupportMixin, watched
from .constraints import CONSTRAINTS, DTYPES
from .diagram import layers_html
from .held_out import own_set_of
from .inspection import InspectionMixin
from .randoms import random_state_of
from .solvers import (
    NON_FINITE,
    Training,
    is_stochastic,
    prepare_lbfgs,
    prepare_stochastic,
)
from .unchecked import is_plain_input, is_plain_target, takes_plain_input
from .weights import initial_weights, network_of

SPARSE_FORMATS = ("csr", "csc")


class BaseMLP(CallbackSupportMixin, InspectionMixin, BaseEstimator):
    """Base class of `MLPClassifier` and `MLPRegressor`; not used directly."""

    _parameter_constraints: ClassVar[dict] = CONSTRAINTS
    _target_options: ClassVar[dict] = {}  # of scikit-learn's check of the targets
    _watcher = None  # of the passes where there are no callbacks; the command line sets it

    @classmethod
    @cache
    def _get_param_names(cls):
        """scikit-learn's, once per class: it takes 50 us, twice per fit."""
        return super()._get_param_names()

    def _store(self, arguments):
        """Sets the parameters from the constructor's arguments, unchanged."""
        for name in self._get_param_names():
            setattr(self, name, arguments[name])

    # -- fitting -------------------------------------------------------------------------

    def _fit(
        self,
        X,
        y,
        sample_weight=None,
        incremental=False,
        validation=(None, None, None),
        begin=None,
    ):
        before, refused = self.__dict__.copy(), True
        try:
            if begin is not None:
                begin()
            train = self._prepare(X, y, sample_weight, incremental, validation)
            with nullcontext() if incremental else watched(self, X, y, sample_weight) as watcher:
                finite = train(watcher or self._watcher)
                refused = False
                if not finite:
                    raise ValueError(NON_FINITE)
        except BaseException:
            if refused:  # at once or in some batch: all but the callbacks' own is as it was
                own = {name: value for name, value in vars(self).items() if "callback" in name}
                self.__dict__.clear()
                self.__dict__.update(before | own)
            raise
        return self

    def _prepare(self, X, y, sample_weight, incremental, validation):
        """Checks everything, sets what the data decide, and returns the training itself."""
        hidden = self._hidden_sizes()
        first_pass = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = self._validate_input(X, y, incremental, reset=first_pass)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        targets = self._encode(y, X.dtype)
        random_state = random_state_of(self.random_state)
        sizes = [X.shape[1], *hidden, self.n_outputs_]
        if first_pass:
            self._initialize(sizes, X.dtype, random_state)
        self._check_sizes(sizes)
        dtype = self._network_dtype()
        weights = self._with_class_weight(y, sample_weight, incremental)
        if weights is not None:
            weights = np.ascontiguousarray(weights, dtype)
        target = Target(np.ascontiguousarray(targets, dtype), weights)
        training = Training(
            X,
            y,
            target,
            sample_weight,
            own_set_of(self, validation, dtype),
            incremental,
            goes_on=not first_pass,
        )
        if is_stochastic(self.solver):
            return prepare_stochastic(self, training, random_state)
        return prepare_lbfgs(self, training)

    def _with_class_weight(self, y, sample_weight, incremental):
        """The weights of the samples in the loss."""
        return sample_weight

    def _hidden_sizes(self):
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if np.any(np.array(sizes) <= 0):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        return sizes

    def _validated(self, X, y, reset, dtypes=None, **options):
        dtypes = dtypes or DTYPES[self.dtype]
        is_plain = takes_plain_input if reset else is_plain_input
        if is_plain_target(y, X) and is_plain(self, X, dtypes):
            return X, y
        # what float32 cannot hold is refused as infinite, without NumPy's own warning
        with np.errstate(over="ignore"):
            return validate_data(
                self,
                X,
                y,
                accept_sparse=list(SPARSE_FORMATS),
                multi_output=True,
                dtype=dtypes,
                reset=reset,
                **options,
            )

    def _initialize(self, sizes, dtype, random_state):
        """What a fit begins with."""
        self.n_iter_ = 0
        self.t_ = 0
        self.n_layers_ = len(sizes)
        self.out_activation_ = self._output_activation()
        self.coefs_, self.intercepts_ = initial_weights(
            self.init, sizes, self.activation, dtype, random_state
        )
        if is_stochastic(self.solver):
            self.loss_curve_ = []
            self._no_improvement_count = 0
            early = self.early_stopping
            self.best_loss_ = None if early else np.inf
            self.validation_scores_: list[float] | None = [] if early else None
            self.__dict__.pop("validation_loss_curve_", None)  # of another fit
            self.best_validation_score_ = -np.inf if early else None

    def _network(self):
        """The network that `coefs_` and `intercepts_` describe."""
        return network_of(
            self.coefs_,
            self.intercepts_,
            self.activation,
            self._lowered_loss(),
            self._output_groups(),
        )

    def _dropout_rates(self):
        """The rate of each hidden layer; empty where all are 0.

        Raises
        ------
        ValueError
            If there are not as many rates as hidden layers, or one is not in [0, 1).
        """
        hidden = len(self._hidden_sizes())
        one = np.ndim(self.dropout) == 0
        rates = (float(self.dropout),) * hidden if one else tuple(map(float, self.dropout))
        if len(rates) != hidden or not all(0 <= rate < 1 for rate in rates):
            raise ValueError(
                f"dropout must be a rate in [0, 1) or {hidden} of them, one for each hidden layer;"
                f" got {self.dropout}."
            )
        return rates if any(rates) else ()

    def _output_groups(self):
        """Outputs with a link of their own, by their numbers; empty where all share one."""
        return ()

    def _network_dtype(self):
        """The type of the weights; users may have set some that the engine does not have."""
        found = self.coefs_[0].dtype
        return found if found in (np.float32, np.float64) else np.dtype(np.float64)

    def _check_sizes(self, sizes):
        """Refuses to go on training weights that the parameters or the data do not fit."""
        found = self._network().sizes
        if found != sizes:
            raise ValueError(
                f"The weights are of a network of layers {found}, but the parameters and the"
                f" data ask for {sizes}."
            )

    def _check_solver(self):
        if not is_stochastic(self.solver):
            raise AttributeError(
                "partial_fit is only available for stochastic"
                f" optimizers. {self.solver} is not stochastic."
            )
        return True

    # -- prediction ----------------------------------------------------------------------

    def _outputs(self, X, part=WHOLE):
        """The output activations for X, of shape (n_samples, n_outputs_)."""
        check_is_fitted(self, "coefs_")
        if not is_plain_input(self, X, DTYPES["auto"]):
            X = validate_data(self, X, accept_sparse=list(SPARSE_FORMATS), reset=False)
        dtype = self._network_dtype()
        if X.dtype != dtype:  # what the network's type cannot hold is refused, not made infinite
            with np.errstate(over="ignore"):
                X = check_array(X, accept_sparse=list(SPARSE_FORMATS), dtype=dtype, input_name="X")
        coefs = [np.asarray(w, dtype) for w in self.coefs_]
        intercepts = [np.asarray(b, dtype) for b in self.intercepts_]
        return predict(self._network(), coefs, intercepts, X, n_jobs=self.n_jobs, part=part)

    def _html_repr(self):
        """scikit-learn's diagram, and the layers once there are some."""
        text = super()._html_repr()
        if hasattr(self, "coefs_"):
            sizes = self._network().sizes
            text += layers_html(sizes, self.activation, self.out_activation_)
        return text

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
