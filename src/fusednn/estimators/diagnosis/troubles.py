"""Finds the known troubles of deep networks in the statistics of a fit.

The rules use ratios, which have no unit. Measured: healthy networks of 1 to 40 layers (ReLU with
He's weights, tanh with Glorot's, SELU, BatchNorm, LayerNorm, residual) on standardised data have
ratios of gradients, first layer to last, between 0.05 and 10, and gradients below 5 times the
weights. 10 sigmoid layers have a ratio of 5e-6.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

VANISHED = 1e-4
"""A gradient vanishes below this share of the last layer's gradient, and a signal below this share
of the first layer's standard deviation of outputs.

Gradients and signals are products over the layers (Glorot and Bengio, "Understanding the
difficulty of training deep feedforward neural networks", AISTATS 2010). If both shrink alike, the
gradients of all weights are equally small (equation 14); then only the standard deviations show
it."""

EXPLODED = 1e3
"""A gradient explodes above this multiple of the last layer's gradient, or of the weights' norm. A
step at the usual rate of 1e-3 then is as long as the weights."""

MOST = 0.9
"""The largest share of dead units, or saturated outputs, without a message."""

DEAD_KINDS = {"relu", "hard_swish"}
"""Activations that are 0, with derivative 0, for all inputs below some bound."""

SATURATED_KINDS = {"tanh": (-0.99, 0.99), "logistic": (0.01, 0.99)}
"""Activations with two flat ends, and the values at which these begin."""


class Seen(NamedTuple):
    """The statistics of some passes.

    Parameters
    ----------
    gradient_norms : ndarray of shape (n_passes, n_weighted)
        The fitted attribute `gradient_norms_`.
    activation_stats : ndarray of shape (n_passes, n_layers, 3)
        The fitted attribute `activation_stats_`.
    layers : list of str
        Names of the layers.
    weighted : list of str
        Names of the layers with weights.
    weight_norms : ndarray of shape (n_weighted,)
        Euclidean norms of the weights before these passes.
    activations : list of str
        The activation of each layer.
    """

    gradient_norms: np.ndarray
    activation_stats: np.ndarray
    layers: list[str]
    weighted: list[str]
    weight_norms: np.ndarray
    activations: list[str]


def troubles(seen: Seen, finite: bool) -> dict[str, str]:
    """Returns a message for each kind of trouble; `finite`: whether all weights are finite."""
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
    """The median of a ratio over the passes, without NaN; NaN if no pass has a ratio."""
    with np.errstate(all="ignore"):
        ratios = numerator / denominator
    ratios = ratios[~np.isnan(ratios)]
    return float(np.median(ratios)) if ratios.size else np.nan


def _first_by_last(seen: Seen) -> float:
    return _ratio(seen.gradient_norms[:, 0], seen.gradient_norms[:, -1])


def _vanish(seen: Seen, dead: bool) -> str | None:
    """The message if gradients or outputs vanish; `dead` ignores zeros, which dead units cause."""
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
    deviations = seen.activation_stats[:, :-1, 1]  # without the output layer
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
    """The message if layers with these activations have too large a share after the last pass."""
    if not len(seen.activation_stats):
        return None
    shares = np.where(np.isin(seen.activations, [*kinds]), seen.activation_stats[-1, :, 2], 0)
    wrong = shares > MOST
    if not wrong.any():
        return None
    return f"{shares.max():.0%} {what.format(_names(seen.layers, wrong))}."


def _names(layers: list[str], chosen: np.ndarray) -> str:
    """The names of the chosen layers, separated by commas."""
    return ", ".join(name for name, one in zip(layers, chosen, strict=True) if one)
