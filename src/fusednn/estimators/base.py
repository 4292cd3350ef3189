"""What the classifier and the regressor share: parameters, initial weights, the way to a fit."""

from __future__ import annotations

import warnings
from functools import partial
from typing import ClassVar

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils import check_array
from sklearn.utils.optimize import _check_optimize_result
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from fusednn.plan.training import Rule, Target
from fusednn.training.kept import keep_session, take_session
from fusednn.training.lbfgs import fit_lbfgs
from fusednn.training.optimizer_state import OptimizerState
from fusednn.training.predict import predict
from fusednn.training.session import Session
from fusednn.training.stochastic import (
    NonFiniteError,
    Progress,
    Stopping,
    Validation,
    fit_stochastic,
)

from .constraints import CONSTRAINTS, DTYPES
from .randoms import hold_out, random_state_of
from .unchecked import is_plain_input, is_plain_target
from .weights import initial_weights, network_of

STOCHASTIC_SOLVERS = ("sgd", "adam")
SPARSE_FORMATS = ("csr", "csc")
_NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and"
    " need to be preprocessed."
)


class BaseMLP(BaseEstimator):
    """Base class of `MLPClassifier` and `MLPRegressor`; not used directly."""

    _parameter_constraints: ClassVar[dict] = CONSTRAINTS
    _on_pass = None  # a watcher of the stochastic solvers' passes; the command line sets it

    def _store(self, arguments):
        """Sets the parameters from the constructor's arguments, unchanged."""
        for name in self._get_param_names():
            setattr(self, name, arguments[name])

    # -- fitting -------------------------------------------------------------------------

    def _fit(self, X, y, sample_weight=None, incremental=False):
        before = self.__dict__.copy()
        try:
            train = self._prepare(X, y, sample_weight, incremental)
        except BaseException:  # refused input leaves the estimator as it was
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        train()
        return self

    def _prepare(self, X, y, sample_weight, incremental):
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
        if sample_weight is not None:
            sample_weight = np.ascontiguousarray(sample_weight, dtype)
        target = Target(np.ascontiguousarray(targets, dtype), sample_weight)
        if self.solver in STOCHASTIC_SOLVERS:
            return self._prepare_stochastic(X, target, random_state, incremental)
        samples = np.arange(X.shape[0])
        return partial(
            self._fit_lbfgs, self._session(X, target, Rule(None), samples, len(samples))
        )

    def _hidden_sizes(self):
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if np.any(np.array(sizes) <= 0):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        return sizes

    def _validated(self, X, y, reset, **options):
        dtypes = DTYPES[self.dtype]
        if not reset and is_plain_input(self, X, dtypes) and is_plain_target(y, len(X)):
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
            sizes, self.activation, dtype, random_state
        )
        if self.solver in STOCHASTIC_SOLVERS:
            self.loss_curve_ = []
            self._no_improvement_count = 0
            early = self.early_stopping
            self.best_loss_ = None if early else np.inf
            self.validation_scores_: list[float] | None = [] if early else None
            self.best_validation_score_ = -np.inf if early else None

    def _network(self):
        """The network that `coefs_` and `intercepts_` describe."""
        return network_of(self.coefs_, self.intercepts_, self.activation, self._loss_name())

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

    def _session(self, X, target, rule, order, batch, make=Session):
        return make(
            self._network(),
            X,
            target,
            rule,
            batch=batch,
            order=order,
            l2=self.alpha,
            n_jobs=self.n_jobs,
        )

    def _prepare_stochastic(self, X, target, random_state, incremental):
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        optimizer = self._optimizer if incremental and hasattr(self, "_optimizer") else None
        if optimizer is None:
            optimizer = OptimizerState(
                self.solver,
                self.learning_rate_init,
                self.learning_rate,
                self.power_t,
                self.momentum,
                self.nesterovs_momentum,
                self.beta_1,
                self.beta_2,
                self.epsilon,
            )
        order, validation = self._split(X.shape[0], target, random_state)
        progress = Progress(
            t=self.t_,
            loss_curve=self.loss_curve_,
            best_loss=self.best_loss_,
            # missing where a user set the weights of an estimator that was never fitted
            validation_scores=getattr(self, "validation_scores_", None),
            best_validation_score=getattr(self, "best_validation_score_", None),
            no_improvement_count=self._no_improvement_count,
        )
        if self.early_stopping and progress.validation_scores is None:  # since the last fit
            progress.validation_scores, progress.best_validation_score = [], -np.inf
        if not self.early_stopping and progress.best_loss is None:
            progress.best_loss = np.inf
        batch = self._batch_rows(len(order))
        make = take_session if incremental else Session
        session = self._session(X, target, optimizer.rule, order, batch, make)
        session.load(self.coefs_, self.intercepts_, optimizer.moments)
        fit = partial(
            fit_stochastic,
            session,
            optimizer,
            progress,
            Stopping(self.max_iter, self.tol, self.n_iter_no_change, incremental),
            random_state=random_state,
            shuffle=self.shuffle,
            validation=validation,
            verbose=self.verbose,
            on_pass=self._on_pass,
        )
        return partial(self._fit_stochastic, session, optimizer, progress, fit)

    def _fit_stochastic(self, session, optimizer, progress, fit):
        try:
            with session:
                fit()
        except NonFiniteError:  # the last finite weights, and the moments before the pass
            self._take_over(progress, optimizer)
            raise ValueError(_NON_FINITE) from None
        self._take_over(progress, optimizer)  # first: it frees the weights of before
        optimizer.moments = session.moments()
        keep_session(session)

    def _take_over(self, progress, optimizer):
        self._optimizer = optimizer
        self.coefs_, self.intercepts_ = progress.parameters
        self.n_iter_, self.t_, self.loss_ = progress.n_iter, progress.t, progress.loss
        self.loss_curve_, self.best_loss_ = progress.loss_curve, progress.best_loss
        self.validation_scores_ = progress.validation_scores
        self.best_validation_score_ = progress.best_validation_score
        self._no_improvement_count = progress.no_improvement_count

    def _batch_rows(self, samples):
        if self.batch_size == "auto":
            return min(200, samples)
        if self.batch_size > samples:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be"
                " clipped",
                stacklevel=7,
            )
        return int(np.clip(self.batch_size, 1, samples))

    def _split(self, samples, target, random_state):
        """The samples to train on, and the validation set of early stopping."""
        order = np.arange(samples, dtype=np.int64)
        if not self.early_stopping:
            return order, None
        stratify = None
        if is_classifier(self) and self.n_outputs_ == 1:
            stratify = target.values.astype(bool)
        order, held_out = hold_out(order, self.validation_fraction, stratify, random_state)
        truth = target.values[held_out]
        weights = None if target.weights is None else target.weights[held_out]

        def score(outputs):
            return self._score_outputs(truth, outputs, weights)

        return order, Validation(held_out, score)

    def _fit_lbfgs(self, session):
        with session:
            solution = fit_lbfgs(
                session,
                self.coefs_,
                self.intercepts_,
                tol=self.tol,
                max_iter=self.max_iter,
                max_fun=self.max_fun,
                verbose=self.verbose,
            )
        coefs, intercepts = solution.parameters
        if not all(np.isfinite(part).all() for part in [*coefs, *intercepts]):
            raise ValueError(_NON_FINITE)
        self.coefs_, self.intercepts_ = coefs, intercepts
        self.loss_, self.n_iter_ = solution.loss, solution.n_iter
        if solution.result is not None:
            self.n_iter_ = _check_optimize_result("lbfgs", solution.result, self.max_iter)

    def _check_solver(self):
        if self.solver not in STOCHASTIC_SOLVERS:
            raise AttributeError(
                "partial_fit is only available for stochastic"
                f" optimizers. {self.solver} is not stochastic."
            )
        return True

    # -- prediction ----------------------------------------------------------------------

    def _outputs(self, X):
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
        return predict(self._network(), coefs, intercepts, X, n_jobs=self.n_jobs)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
