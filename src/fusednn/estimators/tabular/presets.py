"""The table of presets: which networks each consists of."""

from __future__ import annotations

from typing import Any, NamedTuple

from .answers import ClassTarget, Target
from .recipes import Recipe

Recipes = tuple[Recipe, ...]
FEW_ROWS = 2000
"""So many rows, or fewer, are divided into more folds."""
MANY_ROWS = 10_000
"""From more rows on, "fast" is one network, and one that is soon trained."""
LARGE_ROWS = 100_000
"""From more rows on, "default" for classes has narrower networks, which predict sooner."""


class Preset(NamedTuple):
    """
    What a preset consists of.

    Parameters
    ----------
    classes, quantities : tuple of Recipe
        One for each family of networks.
    n_folds : int
        1: a fifth of the rows is held out.
    few_folds : int
        The folds of at most 2,000 rows, where a network misses each row that it does not see.
    n_ensemble : int
        Networks for each family and fold.
    metrics : tuple of str
        The default metrics of classes and of quantities.
    scale_flags : bool
        Whether flags are scaled as numbers are.
    corrects : bool
        Whether quantities are corrected by residuals of near rows.
    """

    classes: Recipes
    quantities: Recipes
    n_folds: int = 4
    few_folds: int = 8
    n_ensemble: int = 1
    metrics: tuple[str, str] = ("log_loss", "rmse")
    scale_flags: bool = False
    corrects: bool = False

    def recipes(self, target: Target) -> Recipes:
        """The families for a target."""
        return self.classes if isinstance(target, ClassTarget) else self.quantities

    def fitting(self, rows: int, target: Target) -> Preset:
        """The preset with the families and folds of so many rows of a target."""
        classes = len(target.labels) if isinstance(target, ClassTarget) else 0
        families = tuple(one for one in self.recipes(target) if one.suits(rows, classes))
        n_folds = self.few_folds if rows <= FEW_ROWS else self.n_folds
        return self._replace(classes=families, quantities=families, n_folds=n_folds)


_REALMLP = Recipe("realmlp")
_OF_QUANTITIES: dict[str, Any] = {"activation": "mish", "rate": 0.2}

_PERIODIC = _REALMLP._replace(
    family="periodic", valleys=True, small_batch=64, least_steps=4, epochs=100, passes=6e5
)
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
    valleys=True,
    small_batch=64,
    least_steps=4,
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
    valleys=False,
    epochs=60,
    passes=4e5,
)
_QUICK_OF_CLASSES = _QUICK._replace(
    bins=128, encoding_rate=20.0, activation="relu", dropout=0.1, rate=2e-3
)
# With three classes or more greedy selection gives it no weight.
_ADDITIVE = _BINS._replace(
    family="additive",
    most_classes=2,
    size=None,
    embedding=1,
    widths=(),
    rate=3e-2,
    schedule="cosine",
    valleys=False,
    epochs=60,
    passes=2.4e6,
)
_NARROW = _FINE_BINS._replace(
    family="narrow bins", widths=(128, 128), activation="relu", passes=1e6
)
_SMALL: dict[str, Any] = {"most_rows": MANY_ROWS}
_UP_TO_LARGE: dict[str, Any] = {"most_rows": LARGE_ROWS}
_CLASSES = (
    _PERIODIC._replace(**_UP_TO_LARGE),
    _FINE._replace(**_UP_TO_LARGE),
    _FINE._replace(family="narrow periodic", widths=(128, 128, 128), least_rows=LARGE_ROWS + 1),
    _QUICK_OF_CLASSES,
    _ADDITIVE,
)
_QUANTITIES = (
    _FINE._replace(**_OF_QUANTITIES, dropout=0.0),
    _NARROW,
    _BINS,
    _FINE_BINS,
)

PRESETS: dict[str, Preset] = {
    "fast": Preset(
        (
            _PERIODIC._replace(**_SMALL, widths=(128, 128, 128)),
            _QUICK_OF_CLASSES._replace(least_rows=MANY_ROWS + 1),
        ),
        (
            _PERIODIC._replace(**_OF_QUANTITIES, **_SMALL, widths=(128, 128, 128)),
            _NARROW._replace(**_SMALL),
            _BINS._replace(**_SMALL, widths=(128, 128)),
            _QUICK._replace(least_rows=MANY_ROWS + 1, passes=2e5),
        ),
        n_folds=1,
        few_folds=1,
    ),
    "realmlp": Preset(
        (_REALMLP,),
        (_REALMLP._replace(**_OF_QUANTITIES),),
        n_folds=1,
        few_folds=1,
        metrics=("accuracy", "rmse"),
        scale_flags=True,
    ),
    "default": Preset(_CLASSES, _QUANTITIES),
    "best": Preset(_CLASSES, _QUANTITIES, corrects=True),
}
