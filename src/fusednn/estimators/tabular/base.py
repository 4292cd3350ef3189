"""The base class of the estimators of raw tables."""

from __future__ import annotations

import time
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from fusednn.estimators.fitting.randoms import random_state_of
from fusednn.estimators.input.constraints import SHARED
from fusednn.tables.preparing.categorical import categorical_places
from fusednn.tables.preparing.learning import learned_preparation
from fusednn.tables.preparing.preparation import Preparation
from fusednn.tables.table import Table

from .answers import outputs_of
from .columns import Columns
from .data import Data, Rows
from .ensembles import Fitted, Plan
from .files_mixin import FilesMixin
from .folds import NEVER, folds_of
from .importances import MOST_ROWS, NotComputed, groups_of, importances_of
from .metrics import metric_of
from .presets import PRESETS, Preset
from .reading import (
    IN_VALIDATION,
    Found,
    Samples,
    in_words,
    matrix,
    read_samples,
    read_table,
    read_validation,
    weighed,
)

FROM_DTYPE = "from_dtype"
_COUNT = Interval(Integral, 1, None, closed="left")


class BaseTabular(FilesMixin, BaseEstimator):
    """Base class of `TabularClassifier` and `TabularRegressor`; not for direct use."""

    _parameter_constraints: ClassVar[dict] = {
        "preset": [StrOptions(set(PRESETS))],
        "metric": [str, callable, None],
        "n_ensemble": [_COUNT, None],
        "n_folds": [_COUNT, None],
        "categorical_features": ["array-like", StrOptions({FROM_DTYPE}), None],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "importances": ["boolean"],
        "random_state": ["random_state"],
        "n_jobs": SHARED["n_jobs"],
        "verbose": ["verbose"],
        "device": SHARED["device"],
    }
    _classify: ClassVar[bool]
    _doc_link_module = ""  # no module: the pages of fusednn have no address to link to

    n_features_in_: int
    feature_names_in_: np.ndarray
    preparation_: Preparation
    members_: list[Any]
    weights_: np.ndarray
    history_: list[dict[str, Any]]
    oof_: np.ndarray | None
    feature_importances_ = NotComputed()
    _target: Any

    def _store(self, arguments):
        """Sets the parameters from the constructor's arguments, unchanged."""
        for name in self._get_param_names():
            setattr(self, name, arguments[name])

    def _fit(self, X, y, sample_weight, X_val, y_val):
        """Trains; sets attributes at the end only, so a fit that fails leaves the estimator."""
        start = time.perf_counter()
        random_state = random_state_of(self.random_state)
        with in_words():
            samples = read_samples(X, y, sample_weight, self._classify)
            preset = self._preset()
            preparation = self._learned_preparation(samples.table, preset)
            target, factors = self._learned_target(samples.found, samples.weights)
            y = target.encoded(samples.found)
            weights = weighed(samples.weights, factors, y)
            own = Rows(matrix(preparation, samples.table), y, weights)
        judge = self._judge(preparation, target, factors, X_val, y_val)
        preset = preset.fitting(len(own.X), target)
        columns = Columns.of(preparation)
        metric = metric_of(self._metric(preset), target)
        data = self._data(preset, own, judge, random_state)
        if factors is not None and not metric.is_smoothed:  # smoothing hides rare classes
            present = None if factors.all() else np.sign(factors)
            weights = weighed(samples.weights, present, y)
            data = data._replace(weights=weights, factors=factors)
        metric.check(target, own.y, own.weights)
        plan = Plan(preset, columns, target, metric, data, self.device)
        jobs = plan.jobs(random_state)
        fitted = plan.fitted(jobs, self.n_jobs, bool(self.verbose), start, self.time_limit)
        found = {
            "_target": target,
            "_neighbours": fitted.neighbours,
            "preparation_": preparation,
            "members_": [one.network for one in fitted.members],
            "weights_": fitted.weights,
            "history_": fitted.history,
            "n_features_in_": len(preparation.columns),
            **self._held_out(target, fitted, samples, judge is not None),
        }
        if preparation.named:
            found["feature_names_in_"] = np.array(preparation.columns, object)
        if self.importances:
            found["feature_importances_"] = self._importances(
                plan, fitted, preparation, random_state
            )
        for network in found["members_"]:
            network.n_jobs = self.n_jobs
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        self.__dict__.update(found)
        return self

    def _data(self, preset, own, judge, random_state) -> Data:
        """The rows of the fit, and their folds; of none are those that classes give no weight."""
        folds = np.full(len(own.X), NEVER)
        if judge is None:
            some = np.arange(len(own.X)) if own.weights is None else np.flatnonzero(own.weights)
            classes = own.y[some] if self._classify else None
            folds[some] = folds_of(preset.n_folds, len(some), classes, random_state)
        return Data(own, folds, judge, own.weights)

    def _importances(self, plan, fitted, preparation, random_state) -> np.ndarray:
        step = -(-len(fitted.places) // MOST_ROWS)
        rows = fitted.judges.some(step, self._classify)
        loss = plan.loss_of(fitted, rows, self.n_jobs)
        return importances_of(groups_of(preparation), fitted.judges.X[rows], loss, random_state)

    def _rehearsals(self, sparse):
        """See `warmup`."""
        from .rehearsing import rehearsals

        return rehearsals(self, sparse)

    def _preset(self) -> Preset:
        """The preset with the user's numbers, or that of a rehearsal."""
        found = vars(self).get("_own_preset", PRESETS[self.preset])
        asked = {
            "n_folds": self.n_folds,
            "few_folds": self.n_folds,
            "n_ensemble": self.n_ensemble,
        }
        return found._replace(**{name: own for name, own in asked.items() if own is not None})

    def _metric(self, preset: Preset) -> Any:
        """The metric by name, or a scorer."""
        raise NotImplementedError

    def _learned_preparation(self, table: Table, preset: Preset) -> Preparation:
        asked = self.categorical_features
        asked = None if isinstance(asked, str) and asked == FROM_DTYPE else asked
        return learned_preparation(
            table,
            categorical=categorical_places(table, asked),
            scale_flags=preset.scale_flags,
        )

    def _learned_target(self, found: Found, weights) -> tuple[Any, np.ndarray | None]:
        """The `Target`, and factors of the weights of classes."""
        raise NotImplementedError

    def _judge(self, preparation: Preparation, target, factors, X_val, y_val) -> Rows | None:
        """The validation set."""
        with in_words(IN_VALIDATION):
            held = read_validation(X_val, y_val, self._classify)
            if held is None:
                return None
            table, found = held
            y = target.encoded(found)
            rows = Rows(matrix(preparation, table), y, weighed(None, factors, y))
            return rows if rows.weights is None else rows.take(np.flatnonzero(rows.weights))

    def _held_out(self, target, fitted: Fitted, samples: Samples, has_own: bool) -> dict:
        """The attributes that follow from answers for held-out rows."""
        if has_own:
            return {"oof_": None}
        answers = self._answers(target, fitted.outputs)
        oof = np.full((samples.given, *answers.shape[1:]), np.nan)
        oof[samples.kept[fitted.places]] = answers
        return {"oof_": oof}

    def _answers(self, target, outputs: np.ndarray) -> np.ndarray:
        """What `oof_` holds: probabilities, or values in the target's units."""
        raise NotImplementedError

    def _table(self, X) -> Table:
        """The table of X with as many columns as the training data's."""
        table = read_table(X)
        count, known = len(table.columns), self.n_features_in_
        if count != known and not (table.header and self.preparation_.named):
            raise ValueError(
                f"X has {count} features, but {type(self).__name__} is expecting {known} features"
                " as input: give the columns of the training data."
            )
        return table

    def _outputs(self, X) -> np.ndarray:
        """The weighted outputs, corrected if so fitted, float64 of shape (n_rows, n_outputs)."""
        check_is_fitted(self, "members_")
        with in_words():
            inputs = matrix(self.preparation_, self._table(X))
        total = np.zeros(())
        for network, weight in zip(self.members_, self.weights_, strict=True):
            total = total + weight * outputs_of(self._target, network, inputs)
        if self._neighbours is not None:
            total = total + self._neighbours.correction(inputs, self.n_jobs)
        return total

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags
