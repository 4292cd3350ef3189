"""Training in windows of long series: truncated backpropagation through time.

The series of a batch go through their windows one after the other. The gradient ends where a
window begins, so memory does not grow with the series. Targets of each step update the weights
after each window; the last has what is left over. One target of a series updates them after the
last window, which ends where the series does; the windows before it run forward only, and the
first has what is left over. A short series has no step in some windows: behind its end, or before.

A window of a sample is read in place: with the data as rows of one step, it begins at the row
sample * steps + first step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusednn.graph.calls import Graph
from fusednn.graph.in_windows import in_windows
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.graph.network import Network
from fusednn.kernels import records

from .binding.data import BYTE, DenseRows, Source
from .binding.loss import Target
from .binding.next_tokens import NextTokens


class Part(NamedTuple):
    """A network and what it is trained on: all of it, or the windows of one kind.

    Parameters
    ----------
    network : Network
    source : Source
    target : Target, NextTokens or None
        None: it only runs forward.
    order, rows : ndarray of int64
        The samples, and in the same places their targets.
    """

    network: Network
    source: Source
    target: Target | NextTokens | None
    order: np.ndarray
    rows: np.ndarray


class Stages(NamedTuple):
    """Numbers of the stages of a part.

    Parameters
    ----------
    first, last : int
    later, apply : int
        If the gradient is stored: the first stages of a batch's later blocks, and of its update.
    """

    first: int
    later: int
    apply: int
    last: int


class Windows:
    """The windows of the samples of a pass.

    Parameters
    ----------
    network : Network
        Whole series.
    window : int
        Steps of each window; the last may have fewer, or with one target of a series the first.
    source : DenseRows
    target : Target
    starts, stops : ndarray of int64
        The first sample of each batch, and the one behind its last.
    lengths : ndarray of int64, or None
        The steps of each sample, of padded series.

    Attributes
    ----------
    parts : list of Part
    batches : int
        Updates of a pass.
    counts : ndarray of shape (samples * windows,), or None
        Weights of the windows in the mean of the losses, if each of them has targets.
    entries, lengths : ndarray of int64
        In the order of the steps, the sample times the number of windows plus the window; and the
        steps of the sample's window.
    """

    def __init__(
        self,
        network: Network,
        window: int,
        source: Source,
        target: Target,
        starts,
        stops,
        lengths: np.ndarray | None = None,
    ):
        first = network.ops[0]
        assert isinstance(first, Reshape | TokenEmbedding)
        assert isinstance(source, DenseRows)
        [self._steps, *_] = first.out_shape((first.fan_in,))
        self._window, self._width = window, first.fan_in // self._steps
        self._whole, rest = divmod(self._steps, window)
        self._count, samples = self._whole + (rest > 0), len(source.X)
        self.each_judged = target.values.ndim > 2
        self._starts, self._sizes = starts, stops - starts
        self.batches = len(starts) * (self._count if self.each_judged else 1)
        sizes = self._sizes.tolist()
        samples_of = [np.arange(at, at + n) for at, n in zip(starts, sizes, strict=True)]
        self._sample = np.concatenate([np.tile(one, self._count) for one in samples_of])
        self._number = np.concatenate([np.repeat(np.arange(self._count), n) for n in sizes])
        self.entries, self.order, self.rows, self.lengths = np.zeros(
            (4, len(self._sample)), np.int64
        )
        self._own = np.full(samples, self._steps) if lengths is None else lengths
        self._X = np.ascontiguousarray(source.X)
        self._dtype = BYTE if source.in_bytes else source.X.dtype
        self.counts: np.ndarray | None = None
        kinds: list[tuple[int, Target | None]]
        if self.each_judged:
            self.counts = self._counts_of(target)
            cut = self._whole * window
            kinds = [(window, _cut(target, slice(cut), samples * self._whole, window))]
            if rest:
                kinds.append((rest, _cut(target, slice(cut, None), samples, rest)))
            self._kinds = [0] * self._whole + [1] * (rest > 0)
        else:
            sizes = [rest] * (rest > 0) + [window] * self._whole
            every = [*((size, None) for size in sizes[:-1]), (sizes[-1], target)]
            kinds = [one for at, one in enumerate(every) if one not in every[:at]]
            self._kinds = [kinds.index(one) for one in every]
        self.parts = [self._part(network, steps, own) for steps, own in kinds]

    def _part(self, network: Network, steps: int, target: Target | None) -> Part:
        X, item = self._X, self._X.itemsize
        shape = X.size // self._width - steps + 1, steps * self._width
        view = np.lib.stride_tricks.as_strided(
            X, shape, (self._width * item, item), writeable=False
        )
        network = network._replace(ops=in_windows(network.ops, steps))
        return Part(network, DenseRows(view, self._dtype), target, self.order, self.rows)

    def _counts_of(self, target: Target) -> np.ndarray:
        counts = np.ones(target.values.shape[:2])
        for part in (target.weights, target.shares):
            counts = counts if part is None else counts * part
        edges = range(0, self._steps, self._window)
        return np.add.reduceat(counts, list(edges), axis=1).reshape(-1)

    def arrange(self, order: np.ndarray) -> None:
        """Takes over the order of the samples of the next pass."""
        samples, number = order[self._sample], self._number
        own, window = self._own[samples], self._window
        if self.each_judged:
            first = number * window
            self.lengths[:] = np.clip(own - first, 0, window)
        else:  # the last window ends where the series does
            stop = own - (self._count - 1 - number) * window
            first = np.maximum(stop - window, 0)
            self.lengths[:] = np.clip(stop, 0, window)
        self.order[:] = samples * self._steps + first
        self.entries[:] = samples * self._count + number
        self.rows[:] = samples
        if self.each_judged:
            full = number < self._whole
            self.rows[full] = samples[full] * self._whole + number[full]

    def steps_of(self, stages: list[Stages], blocked: bool):
        """The steps of a pass.

        Parameters
        ----------
        stages : list of Stages
            For each part.
        blocked : bool
            Whether the gradient is stored, and applied by a step of its own.

        Returns
        -------
        steps : ndarray of shape (n_steps, STEP_WIDTH)
        batch : ndarray of int64, of shape (n_steps,)
            The number of the update that a step belongs to.
        judged : ndarray of int64, of shape (updates,)
            The step of each update that has its loss.
        continues : ndarray of bool, of shape (n_steps,)
            Whether a step goes on from the one before.
        """
        table: list[tuple[int, int, int, int]] = []
        batch: list[int] = []
        judged: list[int] = []
        continues: list[bool] = []
        update = 0
        for start, size in zip(self._starts.tolist(), self._sizes.tolist(), strict=True):
            for number, kind in enumerate(self._kinds):
                first, later, apply, last = stages[kind]
                is_judged = self.parts[kind].target is not None
                if is_judged:
                    judged.append(len(table))
                at = start * self._count + number * size
                ends = blocked and is_judged
                table.append((at, size, first, later if ends else last))
                batch.append(update)
                continues.append(number > 0)
                if ends:
                    table.append((at, 0, apply, last))
                    batch.append(update)
                    continues.append(number > 0)
                update += self.each_judged
            update += not self.each_judged
        columns = records.START, records.SAMPLES, records.FIRST_STAGE, records.LAST_STAGE
        steps = np.zeros((len(table), records.STEP_WIDTH), np.int64)
        steps[:, columns] = table
        return steps, np.array(batch), np.array(judged), np.array(continues)

    def starts(self) -> np.ndarray:
        """The first entry of each update."""
        sizes = np.repeat(self._sizes, self._count)
        return np.cumsum(sizes) - sizes


def forward_only(graph: Graph) -> Graph:
    """The graph of a step of training up to the loss."""
    at = next(number for number, call in enumerate(graph.calls) if call.op == "loss")
    return graph._replace(calls=graph.calls[:at], losses=None, gradients={}, dx=None)


def _cut(target: Target, steps: slice, samples: int, length: int) -> Target:
    """The targets of windows of `length` steps, each as a sample."""
    values = target.values[:, steps]
    values = np.ascontiguousarray(values).reshape(samples, length, values.shape[2])
    parts = (
        None if part is None else np.ascontiguousarray(part[:, steps]).reshape(samples, length)
        for part in target[1:]
    )
    return Target(values, *parts)
