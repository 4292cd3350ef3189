"""The table of presets: which networks each consists of."""

from __future__ import annotations

from typing import Any, NamedTuple

from .answers import ClassTarget, Target
from .recipes import Recipe

Recipes = tuple[Recipe, ...]


class Preset(NamedTuple):
    """
    What a preset consists of.

    Parameters
    ----------
    classes, quantities : tuple of Recipe
        One for each family of networks.
    n_folds : int
        1: a fifth of the rows is held out.
    n_ensemble : int
        Networks for each family and fold.
    metrics : tuple of str
        The default metrics of classes and of quantities.
    scale_flags : bool
        Whether flags are scaled as numbers are.
    """

    classes: Recipes
    quantities: Recipes
    n_folds: int = 4
    n_ensemble: int = 1
    metrics: tuple[str, str] = ("log_loss", "rmse")
    scale_flags: bool = False

    def recipes(self, target: Target) -> Recipes:
        """The families for a target."""
        return self.classes if isinstance(target, ClassTarget) else self.quantities


_REALMLP = Recipe("realmlp")
_OF_QUANTITIES: dict[str, Any] = {"activation": "mish", "rate": 0.2}

_PERIODIC = _REALMLP._replace(
    family="periodic", valleys=True, small_batch=64, epochs=100, passes=6e5
)
_FINE = _PERIODIC._replace(family="fine periodic", sigma=1.0, encoding_rate=1.0)
_BINS = Recipe(
    "bins",
    "quantile",
    bins=48,
    size=16,
    encoding_rate=5.0,
    activation="relu",
    parametric=False,
    dropout=0.0,
    decay=3e-4,
    fades=False,
    rate=3e-3,
    tangent=False,
    init="he_normal",
    scale_rate=0.0,
    clip_norm=1.0,
    valleys=True,
    small_batch=64,
    epochs=100,
    passes=6e5,
)
_BINS_OF_CLASSES = _BINS._replace(dropout=0.1, epochs=60, passes=3e5)
_CLASSES = (
    _PERIODIC,
    _FINE,
    _BINS_OF_CLASSES,
    _BINS_OF_CLASSES._replace(family="regular bins", bins=128, encoding_rate=20.0, dropout=0.3),
    _BINS_OF_CLASSES._replace(
        family="additive",
        size=None,
        embedding=1,
        widths=(),
        dropout=0.0,
        rate=3e-2,
        beta_2=0.999,
        schedule="cosine",
        valleys=False,
        passes=2.4e6,
    ),
)
_QUANTITIES = (
    _PERIODIC._replace(**_OF_QUANTITIES),
    _FINE._replace(**_OF_QUANTITIES, dropout=0.0),
    _BINS,
    _BINS._replace(family="smooth bins", encoding_rate=1.0, activation="mish", beta_2=0.999),
    _BINS._replace(family="fine bins", bins=96, activation="mish"),
)
_NEAR: dict[str, Any] = {"family": "neighbours", "neighbours": 8}
_QUICK: dict[str, Any] = {
    "family": "fast",
    "widths": (128, 128, 128),
    "schedule": "one_cycle",
    "valleys": False,
    "epochs": 100,
    "passes": 3e5,
    "least_epochs": 8,
}

PRESETS: dict[str, Preset] = {
    "fast": Preset((_BINS_OF_CLASSES._replace(**_QUICK),), (_BINS._replace(**_QUICK),), n_folds=1),
    "realmlp": Preset(
        (_REALMLP,),
        (_REALMLP._replace(**_OF_QUANTITIES),),
        n_folds=1,
        metrics=("accuracy", "rmse"),
        scale_flags=True,
    ),
    "default": Preset(_CLASSES, _QUANTITIES),
    "best": Preset(
        (*_CLASSES, _BINS_OF_CLASSES._replace(**_NEAR)),
        (*_QUANTITIES, _BINS._replace(**_NEAR)),
    ),
}
