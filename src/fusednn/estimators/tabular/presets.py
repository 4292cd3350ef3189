"""The table of presets: which networks each consists of."""

from __future__ import annotations

from typing import NamedTuple

from .recipes import Pair, Recipe


class Preset(NamedTuple):
    """
    What a preset consists of.

    Parameters
    ----------
    recipes : tuple of Recipe
        One for each family of networks.
    n_folds : int
        1: a fifth of the rows is held out.
    n_ensemble : int
        Networks for each family and fold.
    metric : Pair of str
        The default metric.
    most_flags : int
        Columns of more categories become codes for embeddings.
    scale_flags : bool
        Whether flags are scaled as numbers are.
    """

    recipes: tuple[Recipe, ...]
    n_folds: int = 4
    n_ensemble: int = 1
    metric: Pair = Pair("log_loss", "rmse")
    most_flags: int = 8
    scale_flags: bool = False


_FAMILY = Recipe("", epochs=200, passes=Pair(0.8e6, 1.2e6))
_FAMILIES = (
    _FAMILY._replace(family="periodic"),
    _FAMILY._replace(family="quantile", encoding="quantile"),
    _FAMILY._replace(family="tree", encoding="tree"),
)

PRESETS: dict[str, Preset] = {
    "fast": Preset(
        (
            Recipe(
                "fast",
                "quantile",
                widths=(128, 128),
                parametric=False,
                dropout=0.1,
                epochs=64,
                passes=Pair(0.5e6, 0.5e6),
                least_epochs=8,
            ),
        ),
        n_folds=1,
    ),
    "realmlp": Preset(
        (Recipe("realmlp"),),
        n_folds=1,
        metric=Pair("accuracy", "rmse"),
        scale_flags=True,
    ),
    "default": Preset(_FAMILIES),
    "best": Preset(
        (
            *_FAMILIES,
            _FAMILY._replace(family="neighbours", encoding="quantile", neighbours=8),
        ),
    ),
}
