"""Checks the option `window`: whether a fit can go through its series window by window."""

from __future__ import annotations

from scipy import sparse

from fusednn.estimators.network.built_layers import Position
from fusednn.graph.in_windows import refused
from fusednn.graph.network import Network
from fusednn.graph.time_axis import series_of
from fusednn.plan.lengths import has_padding
from fusednn.training.fit_values import FitOptions


def windowed(estimator, options: FitOptions, network: Network, X) -> FitOptions:
    """The options of a fit; without a window where one has all steps.

    Raises
    ------
    ValueError
        If the samples are no series, or a layer or an option does not go with windows; the message
        names it.
    """
    if options.window is None:
        return options
    given = {
        "mixup": options.mixup > 0,
        "augment": options.augmentation is not None,
        "accumulate": options.accumulate > 1,
        "sparse X": sparse.issparse(X),
    }
    for name in [name for name, used in given.items() if used]:
        raise ValueError(f"window cannot be combined with {name}.")
    series = series_of(network.ops)
    if series is None or series.channels_first:
        raise ValueError(
            f"window={options.window} needs series: X with axes (n_samples, steps, channels),"
            " Reshape(steps, channels) or TokenEmbedding as the first layer."
        )
    _check_layers(estimator, options.window)
    if options.window >= series.steps:
        return options._replace(window=None)
    if network.needs_batches() and has_padding(X, network.ops[0]):
        raise ValueError(
            f"window={options.window} cannot be combined with BatchNorm for series of unequal"
            " lengths, some of which have no step in a window."
        )
    return options


def _check_layers(estimator, window: int) -> None:
    built, specs = estimator._built(), estimator.layers_
    for number, home in enumerate(built.homes[: len(specs)]):
        if home in (None, 0):  # the first op gives the axes
            continue
        reason = refused(built.pieces[home].op)
        if reason:
            place = Position(f"layers[{number}]", specs[number])
            raise place.refuse(
                f"window={window} cuts the series and carries states on, but this layer {reason}"
            )
