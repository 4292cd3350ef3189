"""The plan of adversarial training: two networks in one program, on one vector of parameters.

Parameters are those of the generator, then those of the discriminator. There are kinds of
steps, each of stages of one program:

* *make*: the generator's rows of a batch, from noise;
* *judge*: the discriminator on data and on these rows, and its update;
* *bend*: where there is a gradient penalty, its gradient on mixtures, which is added to that of
  the judgement; the update is then here;
* *learn*: the discriminator again on the rows that were made last, back through it to them, and
  through the generator, whose arrays the making has left; and the generator's update.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from fusednn.graph.game import discriminator_graph, generator_graph, penalty_graph
from fusednn.graph.gradients import Sum
from fusednn.graph.network import Network
from fusednn.graph.trace import Call, Graph
from fusednn.kernels import records
from fusednn.kernels.ops import game, output
from fusednn.kernels.ops.updates import average
from fusednn.kernels.optimizers import OPTIMIZERS

from .binding.bindings import BINDINGS
from .binding.game import GameRows
from .binding.loss import Target, loss_records
from .binding.lowering import Lowering
from .binding.products import GradientOp, gradient_op
from .binding.program import Program, Task
from .game_buffers import Buffers, Player
from .layout.choosing import forms_of
from .layout.parameters import ParameterLayout
from .memory.buffers import padded
from .memory.memory import Memory
from .scratch import training_elements
from .updating.batches import keeps_chunks, row_blocks
from .updating.rule import Rule
from .updating.updater import Updater

PART = 4096
"""Elements of a task that averages or clips parameters."""


class GamePlan:
    """Two networks, their data and their updates, lowered for a number of workers.

    Parameters
    ----------
    generator, discriminator : Player
    X : ndarray of shape (n_samples, columns)
        Read in place.
    buffers : Buffers
    batch : int
        Rows of data, and generated rows, of a judgement.
    workers : int
    penalty : float
        Factor of the gradient penalty; 0: none.
    bound : float
        The largest absolute value of the discriminator's parameters; infinite: no bound.

    Attributes
    ----------
    layout : ParameterLayout
    parameters, transposed, averages : ndarray
        As those of `TrainingPlan`; only the generator's are averaged.
    states : list of ndarray
    count : int
        The number of the generator's parameters in the layout.
    make, judge, bend, learn : tuple of (int, int)
        The stages of each kind of step, from and to; those of `bend` may be none.
    logits : ndarray of shape (steps * 2 * batch, outputs)
        The discriminator's outputs in the judgements.
    made, dmade : Block
        The rows that were generated last, and the gradient by them.
    program : Program
    """

    def __init__(
        self, generator: Player, discriminator: Player, X: np.ndarray, buffers: Buffers,
        batch: int, workers: int, penalty: float = 0.0, bound: float = np.inf,
    ):  # fmt: skip
        self._players, self._X, self._buffers = (generator, discriminator), X, buffers
        self._batch, self.dtype = batch, buffers.noise.dtype
        ops = generator.network.ops, discriminator.network.ops
        whole = Network((*ops[0], *ops[1]), discriminator.network.loss)
        self.count = len(generator.network.parameters())
        self.layout = ParameterLayout(forms_of(whole, self.dtype), self.dtype)
        self.memory = Memory()
        self.parameters = self.memory.keep(self.layout.count, self.dtype)
        self.transposed = self.memory.keep(max(1, self.layout.transposed_count), self.dtype)
        names = [player.rule.optimizer for player in self._players]
        n_states = max(OPTIMIZERS[name].states for name in names if name)
        self.states = [self.memory.keep(self.layout.count, self.dtype) for _ in range(n_states)]
        count = self.layout.count
        self.averages = self.memory.keep(count if generator.rule.average else 0, self.dtype)
        self._gradient = self.memory.keep(count if penalty else 0, self.dtype)
        self.key = np.zeros(2, np.int64)
        made = generator_graph(*ops)
        graphs = [made.graph, discriminator_graph(ops[1])]
        if penalty:
            graphs.append(penalty_graph(ops[1], penalty))
        scratch = training_elements([whole], graphs, self.layout.forms, self.dtype)
        self.program = Program(self.dtype, workers, scratch, self.memory)
        self._facts = [parameter for parameter, _ in made.graph.parameters]
        first = self._lower_generator(made)
        judging, bending = self._lower_discriminator(graphs[1], graphs[2:], bound)
        parts = first, judging, bending, self._learning
        stages = [stage for part in parts for stage in part]
        cuts = np.cumsum([0, *map(len, parts)]).tolist()
        self.make, self.judge, self.bend, self.learn = pairwise(cuts)
        self.program.set_stages(stages)
        self.is_random = any(graph.is_random for graph in graphs)

    # -- parameters ----------------------------------------------------------------------

    def load(self, arrays, moments=()) -> None:
        """Copies parameters in, with which averages begin, and the optimizers' moments."""
        self.load_trained(arrays)
        self.averages[:] = self.parameters[: len(self.averages)]
        for flat, moment in zip(self.states, moments, strict=False):
            self.layout.pack(moment, flat)

    def load_trained(self, arrays) -> None:
        """Copies parameters in, and leaves their averages unchanged."""
        self.layout.pack(arrays, self.parameters)
        self.layout.pack_transposed(arrays, self.transposed)

    def served(self) -> list[np.ndarray]:
        """The parameters to answer with: averages of the generator's, if there are any."""
        found = self.layout.unpack(self.parameters)
        if len(self.averages):
            found[: self.count] = self.layout.unpack(self.averages)[: self.count]
        return found

    # -- lowering ------------------------------------------------------------------------

    def _lowering(self, graph: Graph, source, order, rows: int, first: int, kept, target, network):
        """A graph bound to memory, whose parameters are those from number `first` on."""
        program, layout = self.program, self.layout

        def loss(lowering: Lowering, call: Call) -> list[np.ndarray]:
            logits = lowering.blocks[call.given["logits"]]
            return loss_records(
                *(program, network, Target(target, None), logits),
                *(lowering.blocks[call.out["dlogits"]], lowering.values(call.out["losses"])),
                padded(logits.width, self.dtype),
            )

        lowering = Lowering(
            *(program, graph, rows, source, {"own": order}, layout.forms[first:]),
            layout.views(self.parameters)[first:],
            transposed=layout.copies(self.transposed)[first:],
            key=self.key,
            loss=loss,
            kept=kept,
            steps=True,
            task=max(hi - lo for lo, hi in self._blocks(rows)),
        )
        lowering.run(BINDINGS)
        return lowering

    def _blocks(self, rows: int) -> list[tuple[int, int]]:
        """The samples of each task of a row stage."""
        networks = [player.network for player in self._players]
        positions = max(network.positions for network in networks)
        tile = self.program.chunk if any(map(keeps_chunks, networks)) else 1
        return row_blocks(rows, self.program.workers, positions, tile)

    def _rows(self, lowering: Lowering, segments, rows: int) -> list:
        """A stage for each segment."""
        blocks = self._blocks(rows)
        return [
            (lowering.tasks(segment, blocks, records.ROWS_OF_BATCH), segment.after)
            for segment in segments
        ]

    def _lower_generator(self, found) -> list:
        """The stages that make rows; those that learn are left in `_learning`."""
        generator, discriminator = self._players
        source = GameRows(self._buffers.noise)
        kept = {found.made, found.dmade}
        network = discriminator.network._replace(loss_constants=(1.0, 1.0))
        target = self._buffers.asked
        lowering = self._lowering(found.graph, source, None, self._batch, 0, kept, target, network)
        lowering.cut()
        self.made, self.dmade = (lowering.blocks[one] for one in (found.made, found.dmade))
        stages = self._rows(lowering, lowering.segments, self._batch)
        rule = generator.rule
        update = self._update(lowering, rule, self._batch, 0, rule.optimizer)
        self._learning = [*stages[found.segments :], update]
        if generator.rule.average:
            self._learning.append((self._averaging(), None))
        return stages[: found.segments]

    def _lower_discriminator(self, graph: Graph, penalties, bound: float) -> tuple[list, list]:
        buffers, rule, rows = self._buffers, self._players[1].rule, 2 * self._batch
        network = self._players[1].network
        source = GameRows(self._X, self.made, self._batch)
        lowering = self._lowering(
            *(graph, source, buffers.order, rows, self.count, (), buffers.targets, network)
        )
        self.logits = lowering.emit(graph.logits, len(buffers.order))
        lowering.cut()
        stages = self._rows(lowering, lowering.segments, rows)
        optimizer = "store" if penalties else rule.optimizer
        stages.append(self._update(lowering, rule, rows, self.count, optimizer))
        if bound < np.inf:
            stages.append((self._clipping(bound), None))
        return stages, self._bending(penalties[0]) if penalties else []

    def _update(
        self, lowering: Lowering, rule: Rule, rows: int, first: int, optimizer: str | None
    ) -> tuple[list[Task], np.ndarray]:
        """The tasks that update parameters, and the record that adds up the step's losses."""
        gradients = {
            first + number: gradient_op(lowering, number, gradient)
            for number, gradient in lowering.graph.gradients.items()
        }
        updater = self._updater(rule, rows, lowering.graph, first)
        squares = self.memory.borrow(updater.n_tiles, np.float64)
        assert optimizer is not None
        refresh = optimizer == rule.optimizer
        states = self.states if refresh else [self._gradient]
        tasks = updater.lower(optimizer, states, gradients, refresh=refresh, squares=squares)
        assert lowering.graph.losses is not None
        values = lowering.values(lowering.graph.losses)
        total = self.program.record(
            output.sum_losses,
            {
                "losses": values.reshape(-1),
                "squares": squares,
                "n_squares": len(squares),
                "groups": 1,
                "losses_stride": lowering.rows,
            },
        )
        return tasks, total

    def _updater(self, rule: Rule, rows: int, graph: Graph, first: int) -> Updater:
        decoupled = rule.optimizer is not None and OPTIMIZERS[rule.optimizer].decoupled
        positions = {
            first + number: gradient.dz.positions
            for number, gradient in graph.gradients.items()
            if isinstance(gradient, Sum)
        }
        return Updater(
            *(self.program, self.layout, self._facts, (), self.parameters, self.transposed),
            *(rows, positions, rule.constants, decoupled, False),
        )

    def _bending(self, graph: Graph) -> list:
        """The stages that add the penalty's gradient to the stored one, and update with both."""
        rule, first, buffers = self._players[1].rule, self.count, self._buffers
        network, target = self._players[1].network, buffers.targets
        source = GameRows(self._X, self.made, self._batch, buffers.shares, target.reshape(-1))
        mixed = self._lowering(
            graph, source, buffers.order, self._batch, first, (), target, network
        )
        mixed.cut()
        stages = self._rows(mixed, mixed.segments, self._batch)
        stages.append(self._update(mixed, rule, self._batch, first, "accumulate"))
        trained = [first + at for at, one in enumerate(network.parameters()) if one.trained]
        from_memory = {
            number: GradientOp(
                self.layout.forms[number].apply_op,
                {"gradient": self.layout.view(self._gradient, number)},
            )
            for number in trained
        }
        updater = self._updater(rule, self._batch, graph, first)
        assert rule.optimizer is not None
        update = updater.lower(rule.optimizer, self.states, from_memory, refresh=True)
        return [*stages, (update, None)]

    def _averaging(self) -> list[Task]:
        operands = {"average": self.averages, "w": self.parameters}
        record = self.program.record(average.average_weights, operands)
        return _parts(record, len(self._of_generator(self.parameters)))

    def _clipping(self, bound: float) -> list[Task]:
        flats = [self.parameters[len(self._of_generator(self.parameters)) :]]
        copies = self.layout.copies(self.transposed)[self.count :]
        flats += [copy for copy in copies if copy is not None]
        tasks: list[Task] = []
        for flat in flats:
            record = self.program.record(game.clip_weights, {"w": flat, "bound": float(bound)})
            tasks += _parts(record, len(flat))
        return tasks

    def _of_generator(self, flat: np.ndarray) -> np.ndarray:
        """The generator's part of a flat vector."""
        return flat[: sum(form.count for form in self.layout.forms[: self.count])]


def _parts(record: np.ndarray, count: int) -> list[Task]:
    """Tasks of a record over `count` elements."""
    return [Task([record], lo, min(lo + PART, count)) for lo in range(0, count, PART)]
