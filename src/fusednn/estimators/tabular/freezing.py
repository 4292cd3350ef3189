"""A fitted estimator of raw tables as an ensemble, a value that needs no estimator; and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fusednn.estimators.files.fitted_network import fitted_network_of
from fusednn.plan.folding import folded
from fusednn.serving.ensembles.ensemble import Ensemble, Member
from fusednn.serving.ensembles.targets import Classes, Quantities
from fusednn.serving.model import Model
from fusednn.serving.predictor import Predictor

from .answers import ClassTarget, QuantityTarget


def ensemble_of(estimator: Any, folds: bool = True) -> Ensemble:
    """
    The ensemble of a fitted estimator.

    Parameters
    ----------
    estimator : TabularClassifier or TabularRegressor
    folds : bool, default=True
        Whether to fold scales into the weights of the dense layers after them; see `freeze`.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it predicts with its training rows.
    """
    check_is_fitted(estimator, "members_")
    name = type(estimator).__name__
    if estimator._neighbours is not None:
        raise TypeError(
            f"this {name} predicts with its training rows, which are not part of files and"
            ' exports: fit it with preset="default".'
        )
    members = tuple(
        Member(_model(network, name, folds), float(weight))
        for network, weight in zip(estimator.members_, estimator.weights_, strict=True)
    )
    return Ensemble(estimator.preparation_, members, _target(estimator), name)


def _model(network: Any, name: str, folds: bool) -> Model:
    """A network's model; of a loaded estimator it is a predictor."""
    if isinstance(network, Predictor):
        return network.model()
    found = fitted_network_of(network)
    few, arrays = folded(found.network, found.arrays, into_next=folds)
    return Model(few.ops, arrays, found.head, found.arrays[-1].dtype, (name, name))


def _target(estimator: Any) -> Classes | Quantities:
    target = estimator._target
    if isinstance(target, ClassTarget):
        return target.served()
    return target.served(estimator._spreads)


def attributes_of(
    ensemble: Ensemble, names: tuple[str, ...], n_jobs: int | None
) -> dict[str, Any]:
    """
    The fitted attributes that follow from an ensemble. The networks are predictors.

    Parameters
    ----------
    ensemble : Ensemble
    names : tuple of str
        Names of the targets, where y had them.
    n_jobs : int or None
        That of the networks.
    """
    preparation, members, target = ensemble[:3]
    found: dict[str, Any] = {
        "preparation_": preparation,
        "members_": [Predictor(member.model, n_jobs) for member in members],
        "weights_": np.array([member.weight for member in members]),
        "n_features_in_": len(preparation.columns),
        "_neighbours": None,
    }
    if preparation.named:
        found["feature_names_in_"] = np.array(preparation.columns, object)
    if isinstance(target, Classes):
        own = ClassTarget(target.labels)
        return found | {"_target": own, "classes_": target.labels}
    found["_target"] = QuantityTarget(
        np.array(target.means),
        np.array(target.factors),
        np.array(target.least),
        np.array(target.most),
        names,
        target.is_flat,
        target.quantiles,
    )
    found["_spreads"] = list(target.spreads)
    return found
