"""The troubles of deep networks, found in what a diagnosis has seen.

The rules compare what has no unit. Healthy networks of 1 to 40 layers (ReLU after He, tanh after
Glorot, SELU, BatchNorm, LayerNorm, residual) on standardised data stay at ratios of gradients
between 0.05 and 10, and at gradients below 5 times the weights; 10 sigmoid layers have 5e-6.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

VANISHED = 1e-4
"""What vanishes is below this share of the last layer's gradient, or of the first one's deviation
of outputs; Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
networks", AISTATS 2010: what goes back is a product over the layers, and so is what goes forward.
If both shrink alike, the weights' gradients do not differ (equation 14), and only the deviations
tell."""

EXPLODED = 1e3
"""What explodes is above so many times the last layer's gradient, or the norm of the weights
themselves: a step at the usual rate of 1e-3 is then as long as they are."""

MOST = 0.9
"""The share of units that may be dead, or of outputs that may be saturated."""

DEAD_KINDS = {"relu", "hard_swish"}
"""Activations that are 0, and so is their derivative, for all inputs below some bound."""

SATURATED_KINDS = {"tanh": (-0.99, 0.99), "logistic": (0.01, 0.99)}
"""Activations with two flat ends, and where these begin."""


class Seen(NamedTuple):
    """What was seen of some passes.

    Parameters
    ----------
    gradient_norms, activation_stats : ndarray
        As the fitted attributes.
    layers, weighted : list of str
        Names of the layers, and of those with weights.
    weight_norms : ndarray
        Of the latter, before these passes.
    activations : list of str
        Of the former.
    """

    gradient_norms: np.ndarray
    activation_stats: np.ndarray
    layers: list[str]
    weighted: list[str]
    weight_norms: np.ndarray
    activations: list[str]


def troubles(seen: Seen, finite: bool) -> dict[str, str]:
    """A message for each kind of trouble; `finite` says whether all weights are."""
    dead = _beyond(seen, DEAD_KINDS, "of the units of {} are dead: 0 for all samples")
    found = {
        "vanish": _vanish(seen, dead is not None),
        "explode": _explode(seen, finite),
        "dead": dead,
        "saturated": _beyond(seen, SATURATED_KINDS, "of the outputs of {} are saturated"),
    }
    return {kind: f"{message} {TRY[kind]}" for kind, message in found.items() if message}


TRY = {
    "vanish": (
        "Try 'relu' with the initialisation 'he_normal'; BatchNorm, LayerNorm or Residual of"
        " NetworkClassifier and NetworkRegressor; standardised features; fewer layers."
    ),
    "explode": (
        "Try standardised features and targets, a lower learning_rate_init, clip_norm, or an"
        " initialisation that suits the activation."
    ),
    "dead": (
        "Try a lower learning_rate_init, standardised features, 'he_normal', or 'leaky_relu' or"
        " 'elu' instead."
    ),
    "saturated": (
        "Try standardised features, smaller initial weights, a lower learning_rate_init, BatchNorm"
        " of NetworkClassifier and NetworkRegressor, or 'relu'."
    ),
}


def _ratio(numerator, denominator) -> float:
    """The median over the passes of a ratio; NaN where there is none."""
    with np.errstate(all="ignore"):
        ratios = numerator / denominator
    ratios = ratios[~np.isnan(ratios)]
    return float(np.median(ratios)) if ratios.size else np.nan


def _first_by_last(seen: Seen) -> float:
    return _ratio(seen.gradient_norms[:, 0], seen.gradient_norms[:, -1])


def _vanish(seen: Seen, dead: bool) -> str | None:
    """What to say if gradients or outputs vanish; zeros are no news where units are dead."""
    least = 0.0 if dead else -1.0
    largest = seen.gradient_norms.max(axis=1, initial=0.0)
    if len(largest) and not dead and np.median(largest) == 0:
        return "The gradients vanish: those of all weights are 0."
    ratio = _first_by_last(seen)
    if least < ratio < VANISHED:
        return (
            f"The gradients vanish: that of {seen.weighted[0]} is {ratio:.0e} of that of"
            f" {seen.weighted[-1]} (norms, median over the passes)."
        )
    deviations = seen.activation_stats[:, :-1, 1]  # of the hidden layers
    scale = np.minimum(deviations[:, :1], 1.0).ravel()
    for name, column in zip(seen.layers[:-1], deviations.T, strict=True):
        ratio = _ratio(column, scale)
        if least < ratio < VANISHED:
            return (
                f"The signal vanishes, and with it the gradients: the outputs of {name} deviate by"
                f" {ratio:.0e} of those of {seen.layers[0]} (median over the passes)."
            )
    return None


def _explode(seen: Seen, finite: bool) -> str | None:
    if not finite:
        return "The gradients explode: the weights have stopped being finite."
    norms = seen.gradient_norms
    wrong = ~np.isfinite(norms).all(axis=0)
    if wrong.any():
        return f"The gradients explode: those of {_names(seen.weighted, wrong)} are not finite."
    ratio = _first_by_last(seen)
    if ratio > EXPLODED:
        return (
            f"The gradients explode on their way back: that of {seen.weighted[0]} is {ratio:.0e}"
            f" times that of {seen.weighted[-1]} (norms, median over the passes)."
        )
    known = seen.weight_norms > 0
    largest = np.zeros(len(known))
    largest[known] = norms.max(axis=0, initial=0.0)[known] / seen.weight_norms[known]
    if largest.max() > EXPLODED:
        return (
            f"The gradients explode: that of {_names(seen.weighted, largest > EXPLODED)} has"
            f" reached {largest.max():.0e} times the norm of the first weights."
        )
    return None


def _beyond(seen: Seen, kinds, what: str) -> str | None:
    """Layers of some activations whose share, after the last pass, is too large."""
    if not len(seen.activation_stats):
        return None
    shares = np.where(np.isin(seen.activations, [*kinds]), seen.activation_stats[-1, :, 2], 0)
    wrong = shares > MOST
    if not wrong.any():
        return None
    return f"{shares.max():.0%} {what.format(_names(seen.layers, wrong))}."


def _names(layers: list[str], chosen: np.ndarray) -> str:
    """The names of some layers in a phrase."""
    return ", ".join(name for name, one in zip(layers, chosen, strict=True) if one)
