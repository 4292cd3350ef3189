"""The training plan: rows forward and back, then tiles of the parameters with their update.

A batch of at most `BLOCK_LIMIT` rows is two stages. A larger one runs in blocks whose gradients
*store* adds up in memory, then one more stage applies the optimizer, so that memory does not
grow with the batch. A gradient alone (for L-BFGS) is the same without the last stage. Where
batches are normalised the row stage is cut, and a batch is taken whole.
"""

from __future__ import annotations

import numpy as np

from fusednn.kernels import records
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.intrinsics.tiles import ROW_PANELS
from fusednn.kernels.ops import average, dense, few, output
from fusednn.kernels.optimizers import OPTIMIZERS

from .batches import is_blocked, row_blocks, rows_at_once, starts_of
from .buffers import aligned_zeros, padded
from .clipping import PART, lower_clipping
from .data import Input
from .lengths import Columns, Normed
from .loss import Ends, Target, loss_records, loss_scratch
from .mixing import mix_losses, mixed_rows
from .network import Network
from .parameters import ParameterLayout
from .program import Program, Task
from .rows import Block, Gradient, Rows
from .rule import Rule
from .update import Updater


class TrainingPlan:
    """A network, its data and its update, lowered for a number of workers.

    Attributes
    ----------
    layout : ParameterLayout
    rows, block : int
        Rows of the buffers, and those that go forward and back at once.
    joined : bool
        Whether a last batch of one row belongs to the one before, which the buffers have room for.
    blocked : bool
        Whether the gradient of a batch goes to memory.
    later_block, apply_stage : int
        The first stages of a batch's later blocks, and of its update, in blocks.
    parameters, transposed : ndarray
        The flat vector and the transposed copy.
    states : list of ndarray
        The optimizer's state, each array in the shape of the parameters.
    gradient : ndarray
        The stored gradient; empty where the plan stores none.
    key : ndarray of two int64
        Of the random numbers; written in place.
    averages : ndarray
        The averages of the parameters; empty where there are none.
    normed : list of Normed
        Weights that are made of directions and lengths.
    zeros : dict of int to ndarray
        What stays zero, by size.
    order : ndarray of int64
        The orders of samples of the next passes, one after the other; written in place.
    partners : ndarray of int64
        In the same places, what each sample is mixed with; empty where none are.
    program : Program
    """

    def __init__(
        self, network: Network, source, target: Target, rule: Rule, batch: int, order, workers: int
    ):
        columns = network.target_columns()
        if target.values.shape != (source.shape[0], columns) or source.shape[1] != network.inputs:
            raise ValueError(
                f"a network of {network.inputs} inputs and {network.outputs} outputs cannot be"
                f" trained on data of shape {source.shape} with targets of shape"
                f" {target.values.shape}"
            )
        self.network, self.dtype = network, target.values.dtype
        self.layout = ParameterLayout(network.forms(self.dtype), self.dtype)
        self.order = order
        self.partners = np.zeros(len(order) if rule.mixup else 0, np.int64)
        self.joined = network.needs_batches()
        self.block = rows_at_once(network, rule, batch)
        self.rows = self.block + self.joined
        self.blocked = is_blocked(network, rule, batch)
        self.parameters = aligned_zeros(self.layout.count, self.dtype)
        self.transposed = aligned_zeros(max(1, self.layout.transposed_count), self.dtype)
        n_states = OPTIMIZERS[rule.optimizer].states if rule.optimizer else 0
        self.states = [aligned_zeros(self.layout.count, self.dtype) for _ in range(n_states)]
        stored = self.layout.count if self.blocked else 0
        self.gradient = aligned_zeros(stored, self.dtype)
        averaged = self.layout.count if rule.average else 0
        self.averages = aligned_zeros(averaged, self.dtype)
        self.key = np.zeros(2, np.int64)
        self._rule = rule
        item = self.dtype.itemsize
        scratch = max(
            dense.TILE_ROWS * SHAPE.panel(item),
            few.FEW * ROW_PANELS * SHAPE.panel(item),
            loss_scratch(network.outputs),
            max(network.widths()) + 3,  # a row's mask
            *(form.scratch for form in self.layout.forms),
        )
        self.program = Program(self.dtype, workers, scratch)
        self._lower(source, target)

    @property
    def served(self) -> np.ndarray:
        """The parameters that predict: the averages, where there are any."""
        return self.averages if len(self.averages) else self.parameters

    def load(self, arrays) -> None:
        """Takes over parameters, which their averages begin with."""
        self.load_trained(arrays)
        self.averages[:] = self.parameters[: len(self.averages)]

    def load_trained(self, arrays) -> None:
        """Takes over parameters, but not as averages."""
        self.layout.pack(arrays, self.parameters)
        self.layout.pack_transposed(arrays, self.transposed)
        for normed in self.normed:
            w = normed.refresh(self.layout.views(self.parameters))
            copy = self.layout.transposed(self.transposed, normed.directions)
            if copy is not None:
                normed.form.pack_transposed(copy, w)

    # -- lowering ------------------------------------------------------------------------

    def _lower(self, source, target: Target) -> None:
        program, layout, count = self.program, self.layout, len(self.layout.forms)
        copies = [layout.transposed(self.transposed, number) for number in range(count)]
        rows = Rows(
            program,
            self.rows,
            layout.views(self.parameters),
            transposed=copies,
            key=self.key,
            noisy=self._rule.optimizer is not None,
        )
        given = Input(source, self.order)
        x: Input | Block = given
        if self.partners.size:
            x = mixed_rows(rows, given, Input(source, self.partners))
        for op in self.network.ops:
            x = op.lower(rows, x)
        assert isinstance(x, Block)
        d = rows.block(x.width)
        values = np.zeros((len(self.network.output_groups()), self.rows))
        ends = Ends(x.values, d.values, x.stride, padded(x.width, self.dtype))
        rows.add_records(loss_records(program, self.network, target, ends, values, self.order))
        if self.partners.size:
            other = rows.block(x.width), np.zeros_like(values)
            ends = ends._replace(dz=other[0].values)
            rows.add_records(
                loss_records(program, self.network, target, ends, other[1], self.partners)
            )
            mix_losses(rows, (d, values), other)
        rows.back(d, rows.tape)
        rows.cut()
        self.zeros = rows.zero_rows
        self.is_random = rows.is_random or self.partners.size > 0
        self.normed = rows.normed_weights
        self._lower_stages(rows, values)

    def _row_stages(self, rows: Rows) -> list:
        """A stage for each segment of the rows."""
        stages: list = []
        for chain, after in rows.segments:
            tasks = [
                Task(chain, lo, hi, records.ROWS_OF_BATCH)
                for lo, hi in row_blocks(self.rows, self.program.workers)
            ]
            if not stages and rows.before:
                tasks[:0] = [Task([record], 0, 0) for record in rows.before]
            stages.append((tasks, after))
        return stages

    def _lower_stages(self, rows: Rows, values) -> None:
        """The stages: rows and update of a batch in one go; in blocks first, later, and update."""
        rule, program, forms = self._rule, self.program, self.layout.forms
        decoupled = rule.optimizer is not None and OPTIMIZERS[rule.optimizer].decoupled
        updater = Updater(
            *(program, self.layout, self.parameters, self.transposed, self.rows),
            *(rule.constants, decoupled, rule.l1 > 0),
        )
        computed = rows.gradients
        squares = aligned_zeros(updater.n_tiles, np.float64)
        absolutes = aligned_zeros(updater.n_tiles, np.float64) if rule.l1 else None
        sums = {"squares": squares, "absolutes": absolutes}
        total = program.record(
            output.sum_losses,
            {
                output.VALUES: values,
                output.SQUARES: squares,
                output.N_SQUARES: len(squares),
                output.GROUPS: len(values),
                output.VALUES_STRIDE: self.rows,
                output.ABSOLUTES: absolutes,
            },
        )
        columns = Columns(program, self.layout, self.parameters, self.transposed)
        stages_after = self._stages_after(columns, rows.normed_weights)
        stages = self._row_stages(rows)
        # blocks: rows and store, rows and accumulate, then from `apply_stage` on the update
        self.later_block, self.apply_stage = len(stages) + 1, 2 * (len(stages) + 1)
        if not self.blocked:
            assert rule.optimizer is not None
            update = updater.lower(rule.optimizer, self.states, computed, refresh=True, **sums)
            program.set_stages([*stages, (update, total), *stages_after])
            return
        stored = [self.gradient]
        store = updater.lower("store", stored, computed, refresh=False, **sums)
        add = updater.lower("accumulate", stored, computed, refresh=False)
        stages = [*stages, (store, total), *stages, (add, total)]
        if rows.normed_weights:
            normed = columns.lower_gradients(rows.normed_weights, self.gradient)
            stages.append((normed, None))
        if rule.clips:
            stages += lower_clipping(program, self.gradient, rule.clip_norm, rule.clip_value)
        if rule.optimizer is not None:
            from_memory = {
                number: Gradient(
                    forms[number].apply_op,
                    {dense.GRADIENT_X: self.layout.view(self.gradient, number)},
                )
                for number in [*computed, *(normed.lengths for normed in rows.normed_weights)]
            }
            apply = updater.lower(rule.optimizer, self.states, from_memory, refresh=True)
            stages += [(apply, None), *stages_after]
        program.set_stages(stages)

    def _stages_after(self, columns: Columns, normed: list[Normed]) -> list:
        """What follows an update: bounds and lengths of the weights, then their averages."""
        stages: list = []
        bounds = columns.lower_bounds()
        if bounds:
            stages.append((bounds, None))
        if normed:
            stages.append((columns.lower_weights(normed), None))
        if self._rule.average:
            stages.append((self._lower_averages(), None))
        return stages

    def _lower_averages(self) -> list[Task]:
        record = self.program.record(
            average.average_weights,
            {average.W: self.parameters, average.AVERAGE: self.averages},
        )
        starts = range(0, self.layout.count, PART)
        return [Task([record], lo, min(lo + PART, self.layout.count)) for lo in starts]

    # -- steps ---------------------------------------------------------------------------

    def steps_of(self, samples: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
        """The steps of one pass over `samples` samples in batches.

        Returns
        -------
        steps : ndarray of shape (n_steps, STEP_WIDTH)
        batch_of_step : ndarray of shape (n_steps,)
            The number of the batch that each step belongs to.
        """
        starts = starts_of(samples, batch, self.joined)
        stops = np.append(starts[1:], samples)
        if not self.blocked:
            steps = np.zeros((len(starts), records.STEP_WIDTH), np.int64)
            steps[:, records.START] = starts
            steps[:, records.ROWS] = stops - starts
            steps[:, records.LAST_STAGE] = len(self.program.stages)
            return steps, np.arange(len(starts))
        table: list[tuple[int, int, int, int]] = []
        owners: list[int] = []
        for number, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
            blocks = start + starts_of(stop - start, self.block, self.joined)
            for at, end in zip(blocks, np.append(blocks[1:], stop), strict=True):
                first, last = (0, self.later_block)
                if at != start:
                    first, last = self.later_block, self.apply_stage
                table.append((at, end - at, first, last))
                owners.append(number)
            if len(self.program.stages) > self.apply_stage:
                table.append((start, 0, self.apply_stage, len(self.program.stages)))
                owners.append(number)
        return np.array(table, np.int64), np.array(owners)
