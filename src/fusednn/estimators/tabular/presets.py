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

_PERIODIC = _REALMLP._replace(family="periodic", small_batch=64, epochs=100, passes=6e5)
_FINE = _PERIODIC._replace(family="fine periodic", sigma=1.0, encoding_rate=1.0)
# Tables of bins begin at 0, and rare bins get few steps: hence their rates.
_BINS = Recipe(
    "bins",
    "quantile",
    bins=48,
    size=16,
    encoding_rate=1.0,
    activation="mish",
    parametric=False,
    dropout=0.0,
    decay=3e-4,
    fades=False,
    rate=3e-3,
    tangent=False,
    init="he_normal",
    scale_rate=0.0,
    beta_2=0.999,
    clip_norm=1.0,
    small_batch=64,
    epochs=100,
    passes=6e5,
)
_FINE_BINS = _BINS._replace(family="fine bins", bins=96, encoding_rate=5.0, beta_2=0.95)
_QUICK = _FINE_BINS._replace(
    family="quick bins",
    bins=32,
    size=8,
    widths=(128, 128),
    rate=4e-3,
    clip_norm=None,
    schedule="one_cycle",
    epochs=60,
    passes=4e5,
)
_QUICK_OF_CLASSES = _QUICK._replace(
    bins=128, encoding_rate=20.0, activation="relu", dropout=0.1, rate=2e-3
)
_ADDITIVE = _BINS._replace(
    family="additive",
    size=None,
    embedding=1,
    widths=(),
    rate=3e-2,
    schedule="cosine",
    epochs=60,
    passes=2.4e6,
)
_CLASSES = (
    _PERIODIC._replace(valleys=True),
    _FINE._replace(valleys=True),
    _QUICK_OF_CLASSES,
    _ADDITIVE,
)
_QUANTITIES = (
    _FINE._replace(**_OF_QUANTITIES, dropout=0.0),
    _FINE_BINS._replace(family="narrow bins", widths=(128, 128), activation="relu", passes=1e6),
    _BINS,
    _FINE_BINS,
)

_NEAR: dict[str, Any] = {"family": "neighbours", "neighbours": 8}

PRESETS: dict[str, Preset] = {
    "fast": Preset((_QUICK_OF_CLASSES,), (_QUICK,), n_folds=1),
    "realmlp": Preset(
        (_REALMLP,),
        (_REALMLP._replace(**_OF_QUANTITIES),),
        n_folds=1,
        metrics=("accuracy", "rmse"),
        scale_flags=True,
    ),
    "default": Preset(_CLASSES, _QUANTITIES),
    "best": Preset(
        (*_CLASSES, _QUICK_OF_CLASSES._replace(**_NEAR)),
        (*_QUANTITIES, _BINS._replace(**_NEAR)),
    ),
}
