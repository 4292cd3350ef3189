"""The base class of all estimators: builds networks and runs fits."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils.validation import check_is_fitted

from fusednn.exceptions import DiagnosisWarning
from fusednn.graph.network import Network
from fusednn.optimizers import NAMED
from fusednn.training.progress import Watcher
from fusednn.training.warn import warn_user

from .answering import AnsweringMixin
from .displays.inspection import LooksMixin
from .files.mixin import FilesMixin
from .fitting.callbacks import CallbackSupportMixin, watched
from .fitting.options import is_stochastic
from .fitting.preparing import DIAGNOSED, prepare
from .fitting.progress import CURVES, attributes_of
from .fitting.randoms import random_state_of
from .fitting.validation_sets import split
from .input.missing_targets import IGNORE, check_columns, known_rows
from .input.sample_weights import present
from .input_checks import InputChecksMixin
from .network.first_layer import check_input
from .network.first_samples import FirstSamples

if TYPE_CHECKING:
    from fusednn.serving.types import FloatArray


class BaseNetwork(
    CallbackSupportMixin, FilesMixin, LooksMixin, AnsweringMixin, InputChecksMixin, BaseEstimator
):
    """Base class of the estimators; not for direct use.

    A subclass defines its network by `_built_name` (the fitted attribute that shows that there is
    a network), `_check_structure`, `_check_sizes`, `_build`, `_restore`, `_built`, `_named_ops`,
    `_parameters`, `_parameter_attributes` and `_rule_of`.
    """

    _diverged = (
        "Solver produced non-finite parameter weights. The input data may contain large values"
        " and need to be preprocessed."
    )
    n_features_in_: int
    feature_names_in_: np.ndarray
    n_outputs_: int
    output_shape_: tuple[int, ...]
    out_activation_: str
    n_iter_: int
    t_: int
    loss_: float
    loss_curve_: list[float]
    best_loss_: float | None
    validation_scores_: list[float] | None
    validation_loss_curve_: list[float] | None
    best_validation_score_: float | None
    feature_means_: FloatArray
    feature_factors_: FloatArray
    gradient_norms_: FloatArray
    activation_stats_: FloatArray
    diagnosed_layers_: list[str]
    diagnosed_weights_: list[str]

    # values of parameters of other estimators that this one does not have; not attributes of the
    # class, since `help` would list them
    _fixed: ClassVar[dict[str, Any]] = {}
    _built_name: ClassVar[str]
    _target_options: ClassVar[dict] = {}  # for scikit-learn's check of the targets
    _doc_link_module = ""  # no module: the pages of fusednn have no address to link to
    # watches the passes if there are no callbacks; the command line sets it
    _watcher: Watcher | None = None
    # whether X and X_val are known to be prepared alike, as in ensembles: then nothing is warned
    _prepared_alike = False

    if not TYPE_CHECKING:  # or type checkers would find any attribute

        def __getattr__(self, name):
            """The value of a parameter that other estimators have."""
            fixed = type(self)._fixed
            # what is missing raises its own error again, as a method of another solver has
            return fixed[name] if name in fixed else object.__getattribute__(self, name)

    @classmethod
    @cache
    def _get_param_names(cls):
        """Caches scikit-learn's result per class, since it takes 50 us, twice per fit."""
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
        curves = {name: before[name] for name in CURVES if before.get(name) is not None}
        lengths = {name: len(curve) for name, curve in curves.items()}
        try:
            if begin is not None:
                begin()
            train = self._prepared(X, y, sample_weight, incremental, validation)
            with nullcontext() if incremental else watched(self, X, y, sample_weight) as watcher:
                outcome = train(watcher or self._watcher)
                if outcome.progress is not None:
                    self._set_parameters(outcome.progress.parameters)
                self.__dict__.update(attributes_of(outcome))
                if outcome.commit is not None:
                    outcome.commit()
                for message in outcome.troubles:
                    warn_user(message, DiagnosisWarning)
                refused = False
                if not outcome.finite:
                    raise ValueError(self._diverged)
        except BaseException:
            if refused:  # before or in the training: restore all but the callbacks' attributes
                own = {name: value for name, value in vars(self).items() if "callback" in name}
                self.__dict__.clear()
                self.__dict__.update(before | own)
                for name, length in lengths.items():  # training extends these lists in place
                    del before[name][length:]
            raise
        return self

    def _prepared(self, X, y, sample_weight, incremental, validation):
        """The function that trains, after all checks; sets what the data determine."""
        return prepare(self, X, y, sample_weight, incremental, validation)

    def _set_up(self, X, y, incremental, sample_weight=None, splits=False):
        """Checks the data, sets the attributes that they determine, and draws first weights.

        Keeps the weights of a network that is to be trained further.

        Parameters
        ----------
        X, y, sample_weight
            The arguments of `fit`.
        incremental : bool
            Whether `partial_fit` was called.
        splits : bool
            Whether the fit splits off a validation set.

        Returns
        -------
        X, y, targets, sample_weight
            Checked, without rows whose targets are all unknown. `targets` are encoded.
        shares : ndarray or None
            The share of each row's targets that is known; see `known_rows`.
        random_state : RandomState
            After the draws of the first weights.
        network : Network
        parts : tuple of ndarray or None
            The samples to train on and those held out, if this had to be known before.
        """
        self._check_structure()
        first_pass = not self._is_built() or (not self.warm_start and not incremental)
        X, y = self._validate_input(X, y, incremental, reset=first_pass)
        targets = self._encode(y, self._type_for(X) if first_pass else self._network_dtype())
        sample_weight = self._checked_weights(sample_weight, X, y)
        if self.missing_targets == IGNORE and not incremental:
            check_columns(targets)
        X, y, targets, sample_weight, shares = known_rows(self, X, y, targets, sample_weight)
        random_state = random_state_of(self.random_state)
        parts = None
        if first_pass:
            given = targets, sample_weight, is_classifier(self)
            samples = FirstSamples(X, present(sample_weight), *given)
            if splits and self._learns_from_targets():
                parts = split(self, np.arange(X.shape[0], dtype=np.int64), targets, random_state)
                samples = samples.among(parts[0])
            self._initialize(samples, random_state)
        built = self._taken(self._check_sizes(X.shape[1]))
        check_input(X, built)
        network = self._network_for(X, built)
        return X, y, targets, sample_weight, shares, random_state, network, parts

    def _initialized(self, X, y):
        """Builds a new network for the data, without training; restores the state on errors."""
        before = self.__dict__.copy()
        self.__dict__.pop(self._built_name, None)
        try:
            self._set_up(X, y, incremental=False)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    def _rehearsal_data(self, rows):
        """Makes X of shape (rows, columns) that a network with these parameters accepts."""
        return np.random.RandomState(0).uniform(size=(rows, 4))

    def _rehearsal_classes(self):
        """Numbers of classes whose fits compile all kernels: a logistic output and a softmax."""
        return 2, 5

    def _taken(self, structure):
        """Converts the result of `_check_sizes` to built layers; may store it."""
        return structure

    def _augmentation(self):
        """What is done to the samples of training; nothing in most estimators."""
        return None

    def _described_solver(self):
        """The optimizer that `solver` names; the name itself for scikit-learn's solvers."""
        return NAMED.get(self.solver, self.solver)

    def _with_class_weight(self, y, sample_weight, incremental):
        """The weights of the samples in the loss; classifiers multiply by class weights."""
        return sample_weight

    def _learns_from_targets(self):
        """Whether a new network learns from targets before it is trained; most do not."""
        return False

    def _own_head(self):
        """The meaning of the outputs, of estimators that have neither labels nor values."""
        return None

    def _is_built(self):
        """Whether the estimator has a network."""
        return hasattr(self, self._built_name)

    def _check_fitted(self):
        check_is_fitted(self, self._built_name)

    def _initialize(self, samples, random_state):
        """Sets the attributes of a new network, and builds it."""
        for name in (*DIAGNOSED, "loss_", "_optimizer"):  # they belong to the old network
            self.__dict__.pop(name, None)
        self.n_iter_ = 0
        self.t_ = 0
        self.out_activation_ = self._output_activation()
        self._build(samples, random_state)
        if is_stochastic(self.solver):
            self.loss_curve_ = []
            self._no_improvement_count = 0
            early = self.early_stopping
            self.best_loss_ = None if early else np.inf
            self.validation_scores_ = [] if early else None
            self.__dict__.pop("validation_loss_curve_", None)  # it belongs to another fit
            self.best_validation_score_ = -np.inf if early else None

    def _network(self, built=None):
        """The network of training, from the given built layers or the estimator's."""
        ops, (loss, constants) = (built or self._built()).ops, self._lowered_loss()
        return Network(ops, loss, self._output_groups(), constants)

    def _network_for(self, X, built):
        """The network of training or prediction for checked X."""
        return self._network(built)

    def _output_groups(self):
        """The numbers of outputs that share a softmax; empty if all outputs share one link."""
        return ()

    def _set_parameters(self, arrays):
        """Sets the fitted attributes that hold the network's arrays."""
        self.__dict__.update(self._parameter_attributes(arrays))

    def _network_dtype(self):
        """The dtype of the weights; float64 if users have set weights of another type."""
        found = next((array.dtype for array in self._parameters() if array.ndim == 2), None)
        return found if found in (np.float32, np.float64) else np.dtype(np.float64)

    def _check_solver(self):
        if not is_stochastic(self.solver):
            raise AttributeError(
                "partial_fit is only available for stochastic"
                f" optimizers. {self.solver} is not stochastic."
            )
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
