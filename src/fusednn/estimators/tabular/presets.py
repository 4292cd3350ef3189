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
    binary, several, quantities : tuple of Recipe
        One for each family of networks, for two classes, for more, and for quantities.
    n_folds : int
        1: a fifth of the rows is held out.
    n_ensemble : int
        Networks for each family and fold.
    metrics : tuple of str
        The default metrics of classes and of quantities.
    scale_flags : bool
        Whether flags are scaled as numbers are.
    """

    binary: Recipes
    several: Recipes
    quantities: Recipes
    n_folds: int = 4
    n_ensemble: int = 1
    metrics: tuple[str, str] = ("log_loss", "rmse")
    scale_flags: bool = False

    def recipes(self, target: Target) -> Recipes:
        """The families for a target."""
        if not isinstance(target, ClassTarget):
            return self.quantities
        return self.binary if len(target.labels) == 2 else self.several


_REALMLP = Recipe("realmlp")
_REALMLP_QUANTITIES = _REALMLP._replace(activation="mish", rate=0.2)

_FULL = _REALMLP._replace(family="periodic", epochs=100, passes=1e6)
_BINS = Recipe(
    "bins",
    "quantile",
    bins=48,
    size=16,
    encoding_rate=5.0,
    activation="relu",
    parametric=False,
    dropout=0.1,
    decay=3e-4,
    rate=3e-3,
    tangent=False,
    init="he_normal",
    scale_rate=0.0,
    clip_norm=1.0,
    epochs=60,
    passes=3e5,
)
_ADDITIVE = _BINS._replace(
    family="additive",
    size=None,
    embedding=1,
    widths=(),
    rate=3e-2,
    beta_2=0.999,
    schedule="cosine",
    passes=None,
)
_CLASSES = (
    _FULL,
    _BINS,
    _BINS._replace(family="regular bins", encoding_rate=20.0, dropout=0.3),
    _ADDITIVE,
)
_SEVERAL = (_FULL._replace(epochs=160, smoothing=0.1), *_CLASSES[1:])
_NUMBERS = _BINS._replace(dropout=0.0, epochs=100, passes=6e5)
_QUANTITIES = (
    _REALMLP_QUANTITIES._replace(family="periodic", epochs=100, passes=1e6),
    _NUMBERS,
    _NUMBERS._replace(family="smooth bins", encoding_rate=1.0, activation="mish", beta_2=0.999),
)
_NEAR: dict[str, Any] = {"family": "neighbours", "neighbours": 8}
_QUICK: dict[str, Any] = {
    "family": "fast",
    "widths": (128, 128, 128),
    "schedule": "one_cycle",
    "epochs": 100,
    "passes": 3e5,
    "least_epochs": 8,
}

PRESETS: dict[str, Preset] = {
    "fast": Preset(
        (_BINS._replace(**_QUICK),),
        (_BINS._replace(**_QUICK),),
        (_NUMBERS._replace(**_QUICK),),
        n_folds=1,
    ),
    "realmlp": Preset(
        (_REALMLP,),
        (_REALMLP,),
        (_REALMLP_QUANTITIES,),
        n_folds=1,
        metrics=("accuracy", "rmse"),
        scale_flags=True,
    ),
    "default": Preset(_CLASSES, _SEVERAL, _QUANTITIES),
    "best": Preset(
        (*_CLASSES, _BINS._replace(**_NEAR)),
        (*_SEVERAL, _BINS._replace(**_NEAR)),
        (*_QUANTITIES, _NUMBERS._replace(**_NEAR)),
    ),
}
