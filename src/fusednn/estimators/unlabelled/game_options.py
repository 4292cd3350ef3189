"""What options of a game mean by default, and which do not go together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from fusednn import layers as specs
from fusednn.estimators.network.built_layers import Position
from fusednn.graph.layers.epilogue import NOTHING
from fusednn.graph.layers.layer import Layer
from fusednn.graph.layers.reshape import Reshape
from fusednn.plan.game_buffers import Bounds
from fusednn.schedules import ReduceOnPlateau
from fusednn.training.warn import warn_user

CLIP = 0.01
"""The default of `clip`."""

MIDDLE = {"bce": 0.0, "hinge": 0.0, "least_squares": 0.5, "wasserstein": 0.0}
"""For each loss the output above which a row is judged to be of the data."""

PENALTY = 0.3
"""The factor of the gradient penalty for the default discriminator on columns."""

RATES = 0.002, 0.0005
"""The learning rate for columns, and for samples with axes."""

AUTO_ROWS, AUTO_STEPS = 64, (40_000, 20_000)
"""For "auto" the rows of a batch, and the steps of a fit: for columns, for samples with axes."""

SMOOTHED = "bce", "least_squares"
"""The losses that have a target for data."""

UNBOUNDED = specs.RNN, specs.GRU, specs.LSTM, specs.MultiHeadAttention, specs.TransformerBlock
"""Layers whose slopes the singular values of their weights do not bound."""

ENDS = {"tanh": (-1.0, 1.0), "logistic": (0.0, 1.0)}
"""Activations whose values have a least and a largest one."""


def check_options(model) -> None:
    """Raises ValueError for parameters of a `GAN` that do not go together."""
    if isinstance(model.learning_rate, ReduceOnPlateau):
        raise ValueError("learning_rate=ReduceOnPlateau() does not fit the losses of a game.")
    if model.label_smoothing and model.loss not in SMOOTHED:
        raise ValueError(
            "label_smoothing is for loss='bce' and 'least_squares', which have a target for data:"
            f" loss={model.loss!r} has none."
        )
    if model.clip == CLIP:
        return
    if model.loss != "wasserstein":
        raise ValueError(f"clip is for loss='wasserstein', not for loss={model.loss!r}.")
    if model.penalty or model.spectral_norm:
        name = "spectral_norm" if model.spectral_norm else "penalty"
        raise ValueError(f"clip does not go with {name}, which bounds the discriminator instead.")


def bounds_of(model, penalty: float) -> Bounds:
    """What bounds the discriminator."""
    is_spectral = bool(model.spectral_norm)
    is_clipped = model.loss == "wasserstein" and not penalty and not is_spectral
    return Bounds(penalty, float(model.clip) if is_clipped else inf, is_spectral)


def rates_of(model, axes: tuple[int, ...]) -> tuple[float, float]:
    """The learning rates of the generator and the discriminator."""
    own = model.learning_rate_init or RATES[len(axes) > 1]
    return own, model.discriminator_learning_rate_init or own


def check_schedules(name: str, layers: Sequence[specs.Layer]) -> None:
    """Refuses noise with a schedule, which goes by steps: the players differ in theirs."""
    for number, spec in enumerate(layers):
        if any(getattr(one, "schedule", None) is not None for one in _with_inner(spec)):
            raise Position(f"{name}[{number}]", spec).refuse(
                "noise has no schedule in a GAN: leave `schedule` out"
            )


def check_spectral(discriminator: Sequence[specs.Layer]) -> None:
    """Refuses spectral norm for layers that it does not bound."""
    for number, spec in enumerate(discriminator):
        if any(isinstance(one, UNBOUNDED) for one in _with_inner(spec)):
            raise Position(f"discriminator[{number}]", spec).refuse(
                "spectral_norm bounds dense layers and convolutions, not recurrences and attention"
            )


def _with_inner(spec: specs.Layer) -> Iterator[specs.Layer]:
    yield spec
    if isinstance(spec, specs.Residual):
        for inner in (*spec.layers, *(spec.shortcut or ())):
            yield from _with_inner(inner)


def warn_of_range(generator: Sequence[Layer], middle: float, half: float) -> None:
    """Warns of a generator whose last activation gives much smaller values than X has.

    Parameters
    ----------
    generator : sequence of Layer
    middle, half : float
        The middle and half of the range of X.
    """
    activated = (op.after.activation for op in reversed(generator) if not _is_shape(op))
    name = next(activated, None)
    if name not in ENDS:
        return
    low, high = ENDS[name]
    if half > high - low:
        warn_user(
            f"The generator ends with {name!r}, which gives values from {low:g} to {high:g}, but"
            f" X has values from {middle - half:g} to {middle + half:g}: scale X to that range."
            " Only default networks scale images themselves."
        )


def _is_shape(op: Layer) -> bool:
    return isinstance(op, Reshape) and op.after == NOTHING
