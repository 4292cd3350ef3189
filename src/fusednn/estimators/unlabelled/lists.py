"""Builds a network of two lists of layers, one behind the other, and names what does not fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import NamedTuple

from fusednn import layers as specs
from fusednn.estimators.network.building import build
from fusednn.estimators.network.built_layers import BuiltLayer, BuiltLayers, Position
from fusednn.graph.layers.latent import Latent
from fusednn.graph.layers.layer import shapes_along
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.untrained import GaussianNoise

from .mirroring import tied_decoder


class Pair(NamedTuple):
    """Two lists of layers, built as one network.

    Parameters
    ----------
    built : BuiltLayers
        Those of both lists; `homes` has an entry for each description, the first list first.
    first : int
        How many ops belong to the first list.
    middle : tuple of int
        The axes of a sample between the lists.
    """

    built: BuiltLayers
    first: int
    middle: tuple[int, ...]


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Errors that name `layers[3]` name `encoder[3]` instead, if `name` is "encoder"."""
    try:
        yield
    except ValueError as error:
        raise ValueError(str(error).replace("layers[", f"{name}[", 1)) from None


@contextmanager
def of_default(name: str, before: str) -> Iterator[None]:
    """Errors that name layers of a default list, which the user did not write, say to give one."""
    try:
        yield
    except ValueError as error:
        if not str(error).startswith(f"{name}["):
            raise
        raise ValueError(
            f"{name}=None makes dense layers that do not lead back from this {before} to samples"
            f" of X: give {name}, or, if {before} ends with axes, put Flatten() behind it."
        ) from None


def checked_list(name: str, layers) -> tuple[specs.Layer, ...]:
    """A list that a user gave; raises ValueError if it is empty or begins with codes."""
    is_list = isinstance(layers, Sequence) and not isinstance(layers, specs.Layer | str | bytes)
    if not is_list or not len(layers):
        raise ValueError(f"{name} must be a list of at least one layer, got {layers!r}.")
    for number, spec in enumerate(layers):
        if isinstance(spec, specs.Embedding | specs.TokenEmbedding):
            place = Position(f"{name}[{number}]", spec)
            raise place.refuse("it reads codes, which a network without targets cannot give back")
        if isinstance(spec, specs.PiecewiseLinear) and isinstance(spec.edges, str):
            place = Position(f"{name}[{number}]", spec)
            raise place.refuse("a network without targets does not learn its edges; give it edges")
    return tuple(layers)


def built_list(name: str, layers: Sequence, axes: tuple[int, ...]) -> BuiltLayers:
    """Builds a list for samples of these axes; `homes` has an entry for each description."""
    with naming(name):
        built = build(layers, specs.Dense(1), axes, scaled=False)
    return BuiltLayers(built.pieces[:-1], built.homes[:-1])


def shape_behind(built: BuiltLayers, axes: tuple[int, ...]) -> tuple[int, ...]:
    """The axes of a sample behind a list."""
    return shapes_along(built.ops, (prod(axes),))[-1]


def flat_at_end(built: BuiltLayers, axes: tuple[int, ...]) -> BuiltLayers:
    """The list, and behind it what gives each sample one row, where it ends with axes."""
    shape = shape_behind(built, axes)
    if len(shape) == 1:
        return built
    return BuiltLayers((*built.pieces, BuiltLayer(Reshape((prod(shape),)), None)), built.homes)


def check_end(name: str, layers: Sequence, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    """Raises ValueError unless samples of this shape have as many elements as those of X."""
    if prod(shape) != prod(axes):
        place = Position(f"{name}[{len(layers) - 1}]", layers[-1])
        raise place.refuse(
            f"it gives samples of {_shown(shape)}, but those of X have {_shown(axes)}"
        )


def joined(*parts: BuiltLayers) -> BuiltLayers:
    """Built lists, one behind the other."""
    pieces: tuple[BuiltLayer, ...] = ()
    homes: tuple[int | None, ...] = ()
    for part in parts:
        homes += tuple(None if home is None else home + len(pieces) for home in part.homes)
        pieces += part.pieces
    return BuiltLayers(pieces, homes)


def with_noise(built: BuiltLayers, deviation: float) -> BuiltLayers:
    """The list behind normal noise of this deviation, which training adds to the data."""
    if not deviation:
        return built
    first = built.pieces[0].op
    at = int(isinstance(first, Reshape))  # which reads the axes of X
    width = first.fan_out if at else first.fan_in
    noise = BuiltLayer(
        GaussianNoise(width, deviation=float(deviation)), specs.GaussianNoise(deviation)
    )
    pieces = (*built.pieces[:at], noise, *built.pieces[at:])
    homes = tuple(home + 1 if home is not None and home >= at else home for home in built.homes)
    return BuiltLayers(pieces, homes)


def paired(
    names: tuple[str, str],
    first: Sequence,
    second: Sequence,
    axes: tuple[int, ...],
    *,
    noise: float = 0.0,
    latent: Latent | None = None,
    tied: bool = False,
) -> Pair:
    """Builds an encoder and a decoder for samples of X.

    Parameters
    ----------
    names : tuple of str
        The names of the lists in messages.
    first, second : sequence of specs.Layer
    axes : tuple of int
        The axes of a sample of X; one axis: its columns.
    noise : float
        The standard deviation of the noise that training adds to X.
    latent : Latent, optional
        Draws codes from what the first list gives.
    tied : bool
        Whether dense layers of the second list have the weights of those of the first.

    Raises
    ------
    ValueError
        If a layer does not fit, or the second list does not end with samples of X.
    """
    encoder = built_list(names[0], first, axes)
    middle = shape_behind(encoder, axes)
    encoder = with_noise(encoder, noise)
    if latent is not None:
        middle = latent.out_shape(middle)
        encoder = encoder._replace(pieces=(*encoder.pieces, BuiltLayer(latent, None)))
    decoder = built_list(names[1], second, middle)
    check_end(names[1], second, shape_behind(decoder, middle), axes)
    if tied:
        decoder = tied_decoder(names, (first, second), encoder, decoder)
    decoder = flat_at_end(decoder, middle)
    return Pair(joined(encoder, decoder), len(encoder.pieces), middle)


def _shown(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} columns" if len(shape) == 1 else f"axes {shape}"
