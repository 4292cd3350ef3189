"""`TabularRegressor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self, overload

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from .fitting.decorators import with_checked_parameters
from .tabular.answers import QuantityTarget
from .tabular.base import BaseTabular
from .tabular.spread import learned_spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from fusednn.serving.ensembles.targets import Spread
    from fusednn.serving.types import Device, FloatArray

    from .input.types import RandomState, TabularLike, Weights


class TabularRegressor(RegressorMixin, BaseTabular):
    """Regressor of raw tables: mixed columns and missing values in, quantities out.

    See `TabularClassifier` for what is trained. Targets are standardised; predictions are in their
    units, and between the extremes of the training rows.

    Parameters
    ----------
    preset : {"default", "fast", "best", "realmlp"}, default="default"
        See `TabularClassifier`. With "best" a share of the mean residual of the nearest rows is
        added to predictions, by the networks that were not trained on these rows. The metric
        decides how many rows count (up to 32 of at most 50,000) and how much nearness does.
        Where that saves nothing, with quantiles, with a validation set of your own, or when
        `time_limit` is over, predictions are those of "default". Else the model keeps the rows,
        and is neither saved, frozen nor exported.
    metric : str, callable or None, default=None
        What decides epochs and weights: "rmse", "mae" (networks then minimise it), or a scorer of
        scikit-learn or its name. None: "rmse".
    n_ensemble, n_folds, categorical_features, time_limit
        See `TabularClassifier`.
    quantiles : sequence of float or None, default=None
        Quantiles to predict instead of the mean, each in (0, 1), ascending. Networks learn all at
        once by the pinball loss, which also decides.
    importances, random_state, n_jobs, verbose, device
        See `TabularClassifier`.

    Attributes
    ----------
    oof_ : ndarray of the shape of predictions for X, or None
        As in `TabularClassifier`, with predictions; with "best" corrected by the other rows'
        residuals, without the row's own.
    members_ : list of NetworkRegressor
        The networks of weight above 0, which predict standardised targets.
    weights_, preparation_, history_, feature_importances_, n_features_in_, feature_names_in_
        See `TabularClassifier`.

    See Also
    --------
    TabularClassifier : The same for labels.
    NetworkRegressor : One network of layers of your choice, for arrays.

    References
    ----------
    See `TabularClassifier`.

    Examples
    --------
    >>> from fusednn import TabularRegressor
    >>> rows = [{"rooms": i % 6, "town": "Rome" if i % 2 else "Oslo"} for i in range(60)]
    >>> y = [10.0 * row["rooms"] + (30 if row["town"] == "Rome" else 0) for row in rows]
    >>> model = TabularRegressor("fast", random_state=0).fit(rows, y)
    >>> bool(abs(model.predict([{"rooms": 5, "town": "Rome"}])[0] - 80) < 5)
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        **BaseTabular._parameter_constraints,
        "quantiles": ["array-like", None],
    }
    _classify: ClassVar[bool] = False
    _spreads: Sequence[Spread]

    def __init__(
        self,
        preset: Literal["fast", "realmlp", "default", "best"] = "default",
        *,
        metric: str | Callable[..., float] | None = None,
        n_ensemble: int | None = None,
        n_folds: int | None = None,
        categorical_features: ArrayLike | Literal["from_dtype"] | None = None,
        time_limit: float | None = None,
        quantiles: Sequence[float] | None = None,
        importances: bool = False,
        random_state: RandomState = None,
        n_jobs: int | None = None,
        verbose: bool | int = False,
        device: Device = "cpu",
    ) -> None:
        self._store(locals())

    @with_checked_parameters
    def fit(
        self,
        X: TabularLike,
        y: ArrayLike,
        sample_weight: Weights = None,
        X_val: TabularLike | None = None,
        y_val: ArrayLike | None = None,
    ) -> Self:
        """Trains the networks.

        Parameters
        ----------
        X : frame of pandas or polars, ndarray, list of dict or list of lists
            See `TabularClassifier.fit`.
        y : array-like, series or frame of shape (n_samples,) or (n_samples, n_targets)
            Numbers. Several targets are learned at once.
        sample_weight, X_val, y_val
            See `TabularClassifier.fit`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            See `TabularClassifier.fit`.
        """
        return self._fit(X, y, sample_weight, X_val, y_val)

    def _metric(self, preset):
        if self.metric is None and self.quantiles is None:
            return preset.metrics[1]
        return self.metric

    def _learned_target(self, found, weights):
        return QuantityTarget.learned(found, weights, self._quantiles()), None

    def _quantiles(self) -> tuple[float, ...]:
        if self.quantiles is None:
            return ()
        try:
            asked = np.asarray(self.quantiles, float)
        except (TypeError, ValueError):  # words, or rows of several lengths
            asked = np.empty(0)
        if asked.ndim != 1 or not asked.size or not ((asked > 0) & (asked < 1)).all():
            raise ValueError(
                f"quantiles={self.quantiles!r} must be numbers between 0 and 1, such as"
                " [0.1, 0.5, 0.9]."
            )
        if not (np.diff(asked) > 0).all():
            raise ValueError(f"quantiles={self.quantiles!r} must ascend: sort them.")
        return tuple(asked.tolist())

    def _held_out(self, target, fitted, samples, has_own):
        found = super()._held_out(target, fitted, samples, has_own)
        if target.quantiles:
            return found | {"_spreads": []}
        judges = fitted.judges
        shape = len(fitted.places), -1
        columns = target.answers(fitted.outputs).reshape(shape).T
        truth = target.decoded(judges.y).reshape(shape).T
        pairs = zip(columns, truth, strict=True)
        return found | {"_spreads": [learned_spread(*pair, judges.weights) for pair in pairs]}

    def _answers(self, target, outputs):
        return target.answers(outputs)

    @overload
    def predict(self, X: TabularLike, return_std: Literal[False] = False) -> FloatArray: ...

    @overload
    def predict(
        self, X: TabularLike, return_std: Literal[True]
    ) -> tuple[FloatArray, FloatArray]: ...

    @overload
    def predict(
        self, X: TabularLike, return_std: bool
    ) -> FloatArray | tuple[FloatArray, FloatArray]: ...

    def predict(
        self, X: TabularLike, return_std: bool = False
    ) -> FloatArray | tuple[FloatArray, FloatArray]:
        """Predicts the targets.

        Parameters
        ----------
        X : frame, ndarray, list of dict or list of lists
            The columns of the training data, in any order if they have names.
        return_std : bool, default=False
            Whether to return the standard deviation of y around the prediction too. It is that of
            the residuals of rows that judged, by networks that were not trained on them: those
            rows in up to ten groups of about equal predictions, of 50 rows or more, with straight
            lines between the groups. So it depends on the prediction alone.

        Returns
        -------
        y : ndarray of float64 of shape (n_samples,) or (n_samples, n_targets)
            With `quantiles` these are a further axis, ascending in each row.
        std : ndarray of the shape of y
            Only with `return_std`.

        Raises
        ------
        ValueError
            If a column is missing, is one too many, or has another type; or `return_std` is true
            with `quantiles`.
        """
        check_is_fitted(self, "members_")
        if return_std and not self._spreads:
            raise ValueError(
                "return_std=True is not for quantiles: leave one of both out, or ask for the"
                " quantiles 0.16 and 0.84."
            )
        outputs = self._outputs(X)
        found = self._target.answers(outputs)
        if not return_std:
            return found
        return found, self._target.served(self._spreads).deviations(found)

    def score(self, X: TabularLike, y: ArrayLike, sample_weight: Weights = None) -> float:
        """Computes R^2 of the predictions, of several targets the mean.

        Parameters
        ----------
        X : frame, ndarray, list of dict or list of lists
            See `predict`.
        y : array-like, series or frame of shape (n_samples,) or (n_samples, n_targets)
            The targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        float
            With `quantiles` of the one nearest to 0.5.
        """
        found = self.predict(X)
        if self._target.quantiles:
            middle = int(np.argmin(np.abs(np.array(self._target.quantiles) - 0.5)))
            found = found[..., middle]
        return float(r2_score(y, found, sample_weight=sample_weight))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
