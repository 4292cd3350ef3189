"""The stages of a training plan (rows, update of the parameters, what follows), and its steps.

A batch of at most `sizes.BLOCK_LIMIT` rows takes two stages. A larger one runs in blocks: *store*
writes the gradient of the first to memory, *accumulate* adds those of the others, and one more
stage applies the optimizer, so that memory does not grow with the batch. A gradient alone (for
L-BFGS) is the same without the last stage. BatchNorm cuts the row stage, and needs whole batches.
"""

from __future__ import annotations

import numpy as np

from fusednn.graph.network import Network
from fusednn.kernels import records
from fusednn.kernels.ops import output
from fusednn.kernels.ops.updates import average
from fusednn.kernels.optimizers import OPTIMIZERS

from .binding.lowering import Lowering
from .binding.products import GradientOp
from .binding.program import Program, Task
from .layout.parameters import ParameterLayout
from .machines import Machine
from .memory.memory import Memory
from .updating.batches import samples_per_tile, starts_of
from .updating.clipping import PART, lower_clipping
from .updating.norms import Columns, NormedWeights
from .updating.rule import Rule
from .updating.updater import Updater, positions_of
from .windowing import Stages


class TrainingStages:
    """Makes the stages and the steps of a `TrainingPlan`, whose attributes it has."""

    network: Network
    machine: Machine
    rows: int
    block: int
    joined: bool
    blocked: bool
    layout: ParameterLayout
    memory: Memory
    parameters: np.ndarray
    transposed: np.ndarray
    states: list[np.ndarray]
    gradient: np.ndarray
    averages: np.ndarray
    normed: list[NormedWeights]
    program: Program
    stages: list[Stages]
    _rule: Rule

    def _row_blocks(self) -> list[tuple[int, int]]:
        """The samples of each task of a row stage."""
        tile = samples_per_tile(self.network, self.block)
        return self.machine.row_blocks(self.rows, self.network.positions, tile)

    def _row_stages(self, lowering: Lowering) -> list:
        """A stage for each segment of the rows."""
        stages: list = []
        blocks = self._row_blocks()
        for segment in lowering.segments:
            tasks, after = lowering.tasks(segment, blocks, records.ROWS_OF_BATCH), segment.after
            if not stages and lowering.before:
                tasks[:0] = [Task([record], 0, 0) for record in lowering.before]
            stages.append((tasks, after))
        return stages

    def _all_stages(
        self, lowering: Lowering, computed: dict[int, GradientOp], values: np.ndarray
    ) -> tuple[list, Stages]:
        """The stages: rows and update; if blocked, first block, later blocks and update."""
        rule, program, forms = self._rule, self.program, self.layout.forms
        decoupled = rule.optimizer is not None and OPTIMIZERS[rule.optimizer].decoupled
        facts = [parameter for parameter, _ in lowering.graph.parameters]
        updater = Updater(
            *(program, self.layout, facts, {normed.directions for normed in self.normed}),
            *(self.parameters, self.transposed, self.rows, positions_of(lowering.graph)),
            *(rule.constants, decoupled, rule.l1 > 0),
        )
        # kept, as what a tile does not write counts as 0
        squares = self.memory.keep(updater.n_tiles, np.float64)
        absolutes = self.memory.keep(updater.n_tiles, np.float64) if rule.l1 else None
        sums = {"squares": squares, "absolutes": absolutes}
        total = program.record(
            output.sum_losses,
            {
                "losses": values.reshape(-1),
                "squares": squares,
                "n_squares": len(squares),
                "groups": len(values),
                "losses_stride": self.rows,
                "absolutes": absolutes,
            },
        )
        columns = Columns(
            *(program, self.layout, self.parameters, self.transposed),
            [parameter.largest for parameter in facts],
        )
        stages_after = self._stages_after(columns, self.normed)
        stages = self._row_stages(lowering)
        # blocks: rows and store, rows and accumulate, then from `apply_stage` on the update
        later, apply = len(stages) + 1, 2 * (len(stages) + 1)
        if not self.blocked:
            assert rule.optimizer is not None
            update = updater.lower(rule.optimizer, self.states, computed, refresh=True, **sums)
            stages = [*stages, (update, total), *stages_after]
            return stages, Stages(0, later, apply, len(stages))
        stored = [self.gradient]
        store = updater.lower("store", stored, computed, refresh=False, **sums)
        add = updater.lower("accumulate", stored, computed, refresh=False)
        stages = [*stages, (store, total), *stages, (add, total)]
        if self.normed:
            normed = columns.lower_gradients(self.normed, self.gradient)
            stages.append((normed, None))
        if rule.clips:
            stages += lower_clipping(program, self.gradient, rule.clip_norm, rule.clip_value)
        if rule.optimizer is not None:
            from_memory = {
                number: GradientOp(
                    forms[number].apply_op,
                    {"gradient": self.layout.view(self.gradient, number)},
                )
                for number in [*computed, *(normed.norms for normed in self.normed)]
            }
            update = updater.lower(rule.optimizer, self.states, from_memory, refresh=True)
            stages += [(update, None), *stages_after]
        return stages, Stages(0, later, apply, len(stages))

    def _stages_after(self, columns: Columns, normed: list[NormedWeights]) -> list:
        """The stages after an update: bounds and norms of the weights, then their averages."""
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
        operands = {"average": self.averages, "w": self.parameters}
        record = self.program.record(average.average_weights, operands)
        starts = range(0, self.layout.count, PART)
        return [Task([record], lo, min(lo + PART, self.layout.count)) for lo in starts]

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
            steps[:, records.SAMPLES] = stops - starts
            steps[:, records.LAST_STAGE] = len(self.program.stages)
            return steps, np.arange(len(starts))
        [(_, later, apply, end_of_all)] = self.stages
        table: list[tuple[int, int, int, int]] = []
        numbers: list[int] = []
        for number, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
            blocks = start + starts_of(stop - start, self.block, self.joined)
            for at, end in zip(blocks, np.append(blocks[1:], stop), strict=True):
                first, last = (0, later)
                if at != start:
                    first, last = later, apply
                table.append((at, end - at, first, last))
                numbers.append(number)
            if end_of_all > apply:
                table.append((start, 0, apply, end_of_all))
                numbers.append(number)
        return np.array(table, np.int64), np.array(numbers)
