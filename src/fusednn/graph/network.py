"""A network: its ops with their sizes, and its loss."""

from __future__ import annotations

from functools import lru_cache
from itertools import accumulate
from math import inf, prod
from typing import Any, NamedTuple

from .arrays import CHUNKS, FLOAT64, ROWS, Array
from .augmentation import Augmentation
from .calls import Graph
from .layers.dense import Dense
from .layers.embedding import Embedding
from .layers.layer import Layer, shapes_along, walked
from .layers.token_embedding import TokenEmbedding
from .lengths import along_steps
from .parameters import Parameter
from .samples import mixed_rows, padded_samples, padded_windows, samples_of
from .trace import Trace


class Network(NamedTuple):
    """Ops in a row, each with its sizes, and the loss.

    Parameters
    ----------
    ops : tuple of Layer
        The last gives the logits.
    loss : str or object
        Key of `kernels.losses.LOSSES`, or a row like its rows; its link is the output activation.
    groups : tuple of int
        Sizes of the groups of adjacent outputs, each with a loss and a link of its own; empty: all
        outputs are one group.
    loss_constants : tuple of float
        The loss's constants; empty: those of the table.
    is_whole : bool
        Whether the last op gives the logits; else these are a network's first ops.
    """

    ops: tuple[Layer, ...]
    loss: Any
    groups: tuple[int, ...] = ()
    loss_constants: tuple[float, ...] = ()
    is_whole: bool = True

    @property
    def inputs(self) -> int:
        """Columns of the data."""
        return self.ops[0].fan_in

    @property
    def outputs(self) -> int:
        """Columns of the logits."""
        return self.ops[-1].fan_out

    @property
    def out_shape(self) -> tuple[int, ...]:
        """The shape of a sample of the last op's output."""
        return _sizes(self.ops).out_shape

    def parameters(self) -> list[Parameter]:
        """The parameters, in the order of the ops."""
        return [parameter for op in self.ops for parameter in op.parameters()]

    def products(self) -> tuple[tuple[int, int, int], ...]:
        """Rows of a sample, fan-in and fan-out of each matrix product."""
        return _sizes(self.ops).products

    def arrays(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of a sample in each array: the input, each op's output (inner ops'
        too), and what products read and write."""
        return _sizes(self.ops).arrays

    @property
    def widest(self) -> int:
        """Columns of the widest row."""
        return max(width for _, width in self.arrays())

    @property
    def positions(self) -> int:
        """The most rows that a sample has in any array."""
        return max(rows for rows, _ in self.arrays())

    def work(self) -> int:
        """Multiply-adds of all products, for one sample."""
        return sum(rows * a * b for rows, a, b in self.products())

    def is_plain(self) -> bool:
        """Whether all ops are dense layers that can multiply by row-major matrices."""
        return all(type(op) is Dense and not op.weight_norm and not op.storage for op in self.ops)

    def convolves(self) -> bool:
        """Whether some weights are those of a convolution."""
        return any(len(parameter.shape) > 2 for parameter in self.parameters())

    def needs_batches(self) -> bool:
        """Whether an op combines the rows of a batch, so that one row is not enough."""
        return any(op.joins_rows() for op in self.ops)

    def takes_bytes(self) -> bool:
        """Whether it can read data of uint8, which are gathered: all but columns of codes."""
        return not isinstance(self.ops[0], Embedding)

    def takes_tokens(self) -> bool:
        """Whether it reads integers of any type."""
        return isinstance(self.ops[0], TokenEmbedding)

    def leaves_chunks(self) -> bool:
        """Whether an op writes values for each chunk of a batch in training."""
        calls = self.graph(trains=True).calls
        return any(array.over == CHUNKS for call in calls for array in call.out.values())

    def is_random(self) -> bool:
        """Whether an op draws random numbers in training."""
        return any(op.is_random() for op in self.ops)

    def is_normed(self) -> bool:
        """Whether some weights are weight-normalised."""
        return bool(self.graph().normed)

    def bounds_weights(self) -> bool:
        """Whether the norms of some weights are bounded."""
        return any(parameter.largest < inf for parameter in self.parameters())

    def first(self, count: int) -> Network:
        """The network of the first ops alone."""
        return self._replace(ops=self.ops[:count], is_whole=False)

    def output_groups(self) -> list[tuple[int, int]]:
        """First output and number of outputs of each group."""
        groups = self.groups or (self.outputs,)
        return list(zip(accumulate(groups, initial=0), groups, strict=False))

    def with_steps(self, steps: int) -> Network:
        """The network for series of so many steps; its parameters are the same.

        Raises
        ------
        ValueError
            If an op fixes the steps, or leaves none.
        """
        return self._replace(ops=tuple(op for op, _ in along_steps(self.ops, steps)))

    def graph(
        self,
        *,
        trains: bool = False,
        noisy: bool = False,
        mixed: bool = False,
        wants_dx: bool = False,
        augmentation: Augmentation | None = None,
        in_bytes: bool = False,
        ragged: bool = False,
        windowed: bool = False,
        is_shared: bool = False,
    ) -> Graph:
        """The network as calls.

        Parameters
        ----------
        trains : bool
            Include the loss and the backward pass.
        noisy : bool
            In training: include dropout and noise.
        mixed : bool
            In training: mix each sample with another (`plan.updating.rule.Rule`).
        wants_dx : bool
            Include the gradient by the data: of the losses in training, else of one of the
            logits, which a call `pick` chooses.
        augmentation : Augmentation, optional
            In training with noise: what is done to the samples.
        in_bytes : bool
            Whether the data are of uint8.
        ragged : bool
            Whether the samples are series with padding, steps behind the last whose features are
            all NaN, or tokens with padding; the first op gives them their time axis.
        windowed : bool
            Whether these are windows of series (`in_windows`), whose steps are given.
        is_shared : bool
            Whether threads share the work on each sample.

        Raises
        ------
        ValueError
            If series with padding do not fit an op, or are augmented.
        """
        groups = max(1, len(self.groups))
        asked = augmentation, in_bytes, ragged, windowed, is_shared
        return _graph(self.ops, groups, trains, noisy, mixed, wants_dx, *asked)


class _Sizes(NamedTuple):
    products: tuple[tuple[int, int, int], ...]
    arrays: tuple[tuple[int, int], ...]
    out_shape: tuple[int, ...]


@lru_cache(maxsize=64)
def _sizes(ops) -> _Sizes:
    steps = list(walked(ops, (ops[0].fan_in,)))
    products = tuple(product for op, shape in steps for product in op.products(shape))
    shapes = [(ops[0].fan_in,), *(op.out_shape(shape) for op, shape in steps)]
    arrays = [(prod(shape[:-1]), shape[-1]) for shape in shapes]
    arrays += [(rows, width) for rows, *pair in products for width in pair]
    return _Sizes(products, tuple(arrays), shapes_along(ops, shapes[0])[-1])


@lru_cache(maxsize=64)
def _graph(
    ops,
    groups: int,
    trains: bool,
    noisy: bool,
    mixed: bool,
    wants_dx: bool,
    augmentation: Augmentation | None,
    in_bytes: bool,
    ragged: bool,
    windowed: bool,
    is_shared: bool,
) -> Graph:
    data = Array((ops[0].fan_in,))
    trace = Trace(data, trains=trains, noisy=noisy, wants_dx=wants_dx, is_shared=is_shared)
    augmentation = augmentation if trace.noisy else None
    if ragged:
        if augmentation:
            raise ValueError("series of unequal lengths cannot be augmented")
        first = ops[0]
        found = padded_windows(trace, first) if windowed else padded_samples(trace, first, mixed)
    else:
        found = samples_of(trace, ops[0], mixed, augmentation, in_bytes)
    outputs = []
    for op in ops:
        trace.firsts.append(len(trace.parameters))
        outputs += trace.along([op], found)
        found = outputs[-1]
    dlogits = losses = None
    if trains:
        dlogits, losses = loss_calls(trace, found, groups, mixed, windowed)
        trace.losses = losses
    elif wants_dx:
        dlogits = Array(found.shape)
        trace.call("pick", {"dlogits": dlogits}, logits=found)
    dx = trace.back(dlogits, trace.tape)
    return Graph(
        data,
        found,
        losses,
        tuple(trace.parameters),
        tuple(trace.normed),
        tuple(trace.prepared),
        tuple(trace.calls),
        trace.gradients,
        dx if wants_dx else None,
        tuple(outputs),
        trace.streams + mixed,
        trace.lengths,
        tuple(trace.carried),
        tuple(trace.turned),
        varied=tuple(trace.varied),
    )


def loss_calls(
    trace: Trace, logits: Array, groups: int, mixed: bool, whole: bool = False
) -> tuple[Array, Array]:
    """The gradient of the logits, and the losses.

    With `whole` of padding too, whose targets are unknown: a sample may have nothing else.
    """
    more: dict[str, Any] = {"lengths": None} if whole else {}
    found = []
    for order in ("own", "partners") if mixed else ("own",):
        dlogits, losses = Array(logits.shape), Array((groups,), ROWS, FLOAT64)
        written = {"dlogits": dlogits, "losses": losses}
        trace.call("loss", written, logits=logits, order=order, **more)
        trace.set_lengths(trace.lengths_of(logits), dlogits)
        found.append((dlogits, losses))
    if not mixed:
        return found[0]
    (own, losses), (other, others) = found
    both = Array(losses.shape, ROWS, FLOAT64)
    dlogits = mixed_rows(trace, own, other)
    trace.call("mix_values", {"out": both}, x=losses, other=others)
    return dlogits, both
