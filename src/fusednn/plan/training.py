"""The training plan: rows forward and back, then tiles of the parameters with their update.

A batch of at most `BLOCK_LIMIT` rows is two stages. A larger one runs in blocks whose gradients
*store* adds up in memory, then one more stage applies the optimizer, so that memory does not
grow with the batch. A gradient alone (for L-BFGS) is the same without the last stage.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from fusednn.kernels import records
from fusednn.kernels.activations import multiply_slopes
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.intrinsics.tiles import ROW_PANELS
from fusednn.kernels.ops import dense, few, output
from fusednn.kernels.optimizers import OPTIMIZERS

from .buffers import aligned_zeros
from .clipping import lower_clipping
from .forward import Network, constants_of, lower_forward
from .loss import Ends, Target, loss_records, loss_scratch
from .parameters import ParameterLayout
from .program import Program, Task
from .update import Gradient, Updater

# stages of a plan in blocks: rows and store, rows and accumulate, then from APPLY_STAGE on
# clipping, if any, and the update
FIRST_BLOCK, LATER_BLOCK, APPLY_STAGE = 0, 2, 4

BLOCK_LIMIT = 4096
"""Rows of a batch that go through the buffers at once."""

MAX_BLOCK_ROWS = 128
"""Rows of a block of the row stage: its layers' outputs stay in the second-level cache."""


class Rule(NamedTuple):
    """How parameters are updated.

    Parameters
    ----------
    optimizer : str or None
        Key of `kernels.optimizers.OPTIMIZERS`; None only stores the gradient.
    constants : tuple of float
        The optimizer's constants.
    clip_norm, clip_value : float
        The largest norm of the whole gradient, and the largest value of each of its elements;
        infinite is no bound.
    """

    optimizer: str | None
    constants: tuple[float, ...] = ()
    clip_norm: float = np.inf
    clip_value: float = np.inf

    @property
    def clips(self) -> bool:
        """Whether the gradient is bounded."""
        return min(self.clip_norm, self.clip_value) < np.inf


def is_blocked(rule: Rule, batch: int) -> bool:
    """Whether the gradient of a batch goes to memory, block by block."""
    return rule.optimizer is None or rule.clips or batch > BLOCK_LIMIT


class TrainingPlan:
    """A network, its data and its update, lowered for a number of workers.

    Attributes
    ----------
    layout : ParameterLayout
    parameters, transposed : ndarray
        The flat vector and the transposed copy.
    states : list of ndarray
        The optimizer's state, each array in the shape of the parameters.
    gradient : ndarray
        The stored gradient; empty where the plan stores none.
    key : ndarray of two int64
        Of the random numbers; written in place.
    order : ndarray of int64
        The orders of samples of the next passes, one after the other; written in place.
    program : Program
    """

    def __init__(
        self, network: Network, source, target: Target, rule: Rule, batch: int, order, workers: int
    ):
        columns = network.target_columns()
        if (
            target.values.shape != (source.shape[0], columns)
            or source.shape[1] != network.sizes[0]
        ):
            raise ValueError(
                f"a network of layers {network.sizes} cannot be trained on data of shape"
                f" {source.shape} with targets of shape {target.values.shape}"
            )
        self.network, self.dtype = network, target.values.dtype
        self.layout = ParameterLayout(network.sizes, self.dtype)
        self.order = order
        self.batch = min(batch, BLOCK_LIMIT)
        self.blocked = is_blocked(rule, batch)
        self.parameters = aligned_zeros(self.layout.count, self.dtype)
        self.transposed = aligned_zeros(max(1, self.layout.transposed_count), self.dtype)
        n_states = OPTIMIZERS[rule.optimizer].states if rule.optimizer else 0
        self.states = [aligned_zeros(self.layout.count, self.dtype) for _ in range(n_states)]
        stored = self.layout.count if self.blocked else 0
        self.gradient = aligned_zeros(stored, self.dtype)
        self.key = np.zeros(2, np.int64)
        self._rule = rule
        item = self.dtype.itemsize
        scratch = max(
            dense.TILE_ROWS * SHAPE.panel(item),
            few.FEW * ROW_PANELS * SHAPE.panel(item),
            loss_scratch(network.sizes[-1]),
            max(network.sizes) + 3,  # a row's mask
        )
        self.program = Program(self.dtype, workers, scratch)
        self._ones = np.ones(1, self.dtype)
        widest = max(max(form.padded_in, form.padded_out) for form in self.layout.forms)
        self._zeros = aligned_zeros(widest, self.dtype)
        self._lower(source, target)

    def load(self, coefs, intercepts) -> None:
        """Takes over parameters given as (I, O) and (O,) arrays."""
        self.layout.pack(coefs, intercepts, self.parameters)
        self.layout.pack_transposed(coefs, self.transposed)

    # -- lowering ------------------------------------------------------------------------

    def _lower(self, source, target: Target) -> None:
        program, layout = self.program, self.layout
        layers = range(len(layout))
        weights = [layout.weights(self.parameters, layer) for layer in layers]
        biases = [layout.bias(self.parameters, layer) for layer in layers]
        first, chain, blocks = lower_forward(
            program,
            self.network,
            weights,
            biases,
            source,
            self.order,
            self.batch,
            key=self.key,
        )
        gradients = [aligned_zeros(self.batch * block.stride, self.dtype) for block in blocks]
        values = np.zeros((len(self.network.output_groups()), self.batch))
        ends = Ends(
            blocks[-1].values, gradients[-1], blocks[-1].stride, layout.forms[-1].padded_out
        )
        chain += loss_records(program, self.network, target, ends, values, self.order)
        for layer in reversed(layers[1:]):
            chain.append(self._lower_backward(layer, blocks, gradients))
        rows = [
            Task(chain, lo, hi, records.ROWS_OF_BATCH)
            for lo, hi in row_blocks(self.batch, program.workers)
        ]
        computed, before = self._computed_gradients(first, blocks, gradients)
        if before is not None:
            rows.insert(0, Task([before], 0, 0))
        self._lower_stages(rows, computed, values)

    def _lower_stages(self, rows: list[Task], computed: list[Gradient], values) -> None:
        """The stages: two for a batch in one go; in blocks, first, later, and the update."""
        rule, program = self._rule, self.program
        updater = Updater(
            program, self.layout, self.parameters, self.transposed, self.batch, rule.constants
        )
        squares = aligned_zeros(updater.n_tiles, np.float64)
        total = program.record(
            output.sum_losses,
            {
                output.VALUES: values,
                output.SQUARES: squares,
                output.N_SQUARES: len(squares),
                output.GROUPS: len(values),
                output.VALUES_STRIDE: self.batch,
            },
        )
        if not self.blocked:
            assert rule.optimizer is not None
            update = updater.lower(
                rule.optimizer, self.states, computed, refresh=True, squares=squares
            )
            program.set_stages([(rows, None), (update, total)])
            return
        stored = [self.gradient]
        store = updater.lower("store", stored, computed, refresh=False, squares=squares)
        add = updater.lower("accumulate", stored, computed, refresh=False)
        stages = [(rows, None), (store, total), (rows, None), (add, total)]
        if rule.clips:
            stages += lower_clipping(program, self.gradient, rule.clip_norm, rule.clip_value)
        if rule.optimizer is not None:
            apply = updater.lower(
                rule.optimizer, self.states, self._stored_gradients(), refresh=True
            )
            stages.append((apply, None))
        program.set_stages(stages)

    def _computed_gradients(self, first, blocks, gradients):
        """Each layer's gradient from its input and dz; and a record that must run first."""
        op, x, before = first.lower_gradient(self.program, self.batch)
        inputs = [(op, x)]
        for layer, block in enumerate(blocks[:-1], start=1):
            x = {dense.GRADIENT_X: block.values, dense.GRADIENT_X_STRIDE: block.stride}
            inputs.append((self.layout.forms[layer].update_op, x))
        computed = []
        for (op, x), block, gradient in zip(inputs, blocks, gradients, strict=True):
            dz = {
                dense.GRADIENT_DZ: gradient,
                dense.GRADIENT_DZ_STRIDE: block.stride,
                dense.GRADIENT_ZEROS: self._zeros,
            }
            bias = {**dz, dense.GRADIENT_X: self._ones}
            computed.append(Gradient(op, {**dz, **x}, dense.update_bias, bias))
        return computed, before

    def _stored_gradients(self) -> list[Gradient]:
        """Each layer's gradient as *store* left it in memory."""
        return [
            Gradient(
                form.apply_op,
                {dense.GRADIENT_X: self.layout.weights(self.gradient, layer)},
                dense.apply_bias,
                {dense.GRADIENT_X: self.layout.bias(self.gradient, layer)},
            )
            for layer, form in enumerate(self.layout.forms)
        ]

    def _lower_backward(self, layer: int, blocks, gradients) -> np.ndarray:
        activation, before = self.network.layer_activation(layer - 1), blocks[layer - 1]
        derivative, form = activation.backward, self.layout.forms[layer]
        if before.slopes is not None:
            derivative = multiply_slopes
        w = self.layout.transposed(self.transposed, layer)
        return self.program.record(
            form.backward_op,
            {
                dense.DX: gradients[layer - 1],
                dense.DX_STRIDE: before.stride,
                dense.DZ: gradients[layer],
                dense.DZ_STRIDE: blocks[layer].stride,
                dense.W_TRANSPOSED: self.layout.weights(self.parameters, layer)
                if w is None
                else w,
                dense.ZEROS: self._zeros,
                dense.X_OUT: before.values if before.slopes is None else before.slopes,
                dense.PADDED_IN: form.padded_in,
                dense.REAL_OUT: form.fan_out,
                dense.PADDED_OUT: form.padded_out,
                dense.DERIVATIVE: derivative and (derivative, "derivative"),
                dense.DERIVATIVE_CONSTANTS: constants_of(activation, self.dtype),
                **form.operands(),
            },
        )

    # -- steps ---------------------------------------------------------------------------

    def steps_of(self, samples: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
        """The steps of one pass over `samples` samples in batches.

        Returns
        -------
        steps : ndarray of shape (n_steps, STEP_WIDTH)
        batch_of_step : ndarray of shape (n_steps,)
            The number of the batch that each step belongs to.
        """
        starts = np.arange(0, samples, batch)
        stops = np.minimum(starts + batch, samples)
        if not self.blocked:
            steps = np.zeros((len(starts), records.STEP_WIDTH), np.int64)
            steps[:, records.START] = starts
            steps[:, records.ROWS] = stops - starts
            steps[:, records.LAST_STAGE] = 2
            return steps, np.arange(len(starts))
        table: list[tuple[int, int, int, int]] = []
        owners: list[int] = []
        for number, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
            for at in range(start, stop, self.batch):
                rows = min(self.batch, stop - at)
                stage = FIRST_BLOCK if at == start else LATER_BLOCK
                table.append((at, rows, stage, stage + 2))
                owners.append(number)
            if self._rule.optimizer is not None:
                table.append((start, 0, APPLY_STAGE, len(self.program.stages)))
                owners.append(number)
        return np.array(table, np.int64), np.array(owners)


def most_tasks(sizes: list[int], batch: int, dtype) -> int:
    """About the tasks of the longest stage: many more workers would have nothing to do."""
    panel = SHAPE.panel(np.dtype(dtype).itemsize)
    tiles = [-(-a // dense.TILE_ROWS) * -(-b // panel) for a, b in pairwise(sizes)]
    return max(-(-min(batch, BLOCK_LIMIT) // SHAPE.rows), sum(tiles) + len(tiles))


def row_blocks(batch: int, workers: int) -> list[tuple[int, int]]:
    """Row blocks of a batch: two per worker, of whole register tiles, at most 128 rows each.

    Two per worker let a slow core hand work over; their sizes differ by one register tile at
    most, since the stage ends with the last of them.
    """
    tiles = -(-batch // SHAPE.rows)
    wanted = 1 if workers == 1 else 2 * workers
    count = min(tiles, max(wanted, -(-batch // MAX_BLOCK_ROWS)))
    edges = [tiles * i // count * SHAPE.rows for i in range(count + 1)]
    return [(lo, min(hi, batch)) for lo, hi in pairwise(edges)]
