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

from fusednn.graph.calls import Call, Graph
from fusednn.graph.game import discriminator_graph, generator_graph, penalty_graph
from fusednn.graph.network import Network
from fusednn.kernels import records
from fusednn.kernels.optimizers import OPTIMIZERS

from .binding.bindings import BINDINGS
from .binding.game import GameRows
from .binding.loss import Target, loss_records
from .binding.lowering import Lowering
from .game_buffers import Bounds, Buffers, Player
from .game_updates import GameUpdates
from .layout.choosing import forms_of
from .layout.parameters import ParameterLayout, unpacked
from .machines import Machine
from .memory.buffers import padded
from .memory.memory import Memory
from .scratch import training_elements
from .updating.batches import keeps_chunks


class GamePlan:
    """Two networks, their data and their updates, lowered for a machine.

    Parameters
    ----------
    generator, discriminator : Player
    X : ndarray of shape (n_samples, columns)
        Read in place.
    buffers : Buffers
    batch : int
        Rows of data, and generated rows, of a judgement.
    machine : Machine
    bounds : Bounds
        What bounds the discriminator.

    Attributes
    ----------
    layout : ParameterLayout
    parameters, transposed, averages : ndarray
        As those of `TrainingPlan`; only the generator's are averaged.
    states : list of ndarray
    scaled : dict of int to SingularWeights
        The weights that are divided by their largest singular value, by their parameters' numbers.
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
        batch: int, machine: Machine, bounds: Bounds,
    ):  # fmt: skip
        self._players, self._X, self._buffers = (generator, discriminator), X, buffers
        self._batch, self._machine, self.dtype = batch, machine, buffers.noise.dtype
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
        self.key, scaled = np.zeros(2, np.int64), bounds.is_spectral
        made = generator_graph(*ops, scaled)
        graphs = [made.graph, discriminator_graph(ops[1], scaled)]
        if bounds.penalty:
            graphs.append(penalty_graph(ops[1], bounds.penalty, scaled))
        scratch = training_elements([whole], graphs, self.layout.forms, self.dtype)
        self.program = machine.program(self.dtype, scratch, self.memory)
        self._updates = GameUpdates(
            self.program,
            self.layout,
            [parameter for parameter, _ in made.graph.parameters],
            self.parameters,
            self.transposed,
            self.states,
            self.count,
        )
        self.scaled = self._updates.scaled_weights() if scaled else {}
        with self.memory.lasting():  # from the step that makes rows to the one that learns
            first = self._lower_generator(made)
        judging, bending = self._lower_discriminator(graphs[1], graphs[2:], bounds.largest)
        parts = first, judging, bending, self._learning
        stages = [stage for part in parts for stage in part]
        cuts = np.cumsum([0, *map(len, parts)]).tolist()
        self.make, self.judge, self.bend, self.learn = pairwise(cuts)
        self.program.set_stages(stages)
        self.is_random = any(graph.is_random for graph in graphs)

    # -- parameters ----------------------------------------------------------------------

    def load(self, served, moments=(), trained=None) -> None:
        """Copies parameters in.

        Parameters
        ----------
        served : list of ndarray
            What `served` gave, or first values; averages begin with them.
        moments : sequence of list of ndarray
            The optimizers'.
        trained : list of ndarray or None
            The parameters that training goes on from. None: `served`.
        """
        self.layout.pack(served, self.parameters)
        self.averages[:] = self.parameters[: len(self.averages)]
        for flat, moment in zip(self.states, moments, strict=False):
            self.layout.pack(moment, flat)
        arrays = served if trained is None else trained
        self.layout.pack(arrays, self.parameters)
        self.layout.pack_transposed(arrays, self.transposed)
        for number, one in self.scaled.items():
            one.load(arrays[number])

    def served(self) -> list[np.ndarray]:
        """The parameters to answer with: averages of the generator's, if there are any, and
        weights over their largest singular value."""
        found = self.layout.unpack(self.parameters)
        if len(self.averages):
            found[: self.count] = self.layout.unpack(self.averages)[: self.count]
        for number, one in self.scaled.items():
            found[number] = unpacked(self.layout.forms[number], one.weights)
        return found

    @property
    def changing(self) -> list[np.ndarray]:
        """The memory of all that training changes and goes on from, but for copies of w^T."""
        scaled = [flat for one in self.scaled.values() for flat in one.flats]
        return [self.parameters, self.averages, *self.states, *scaled]

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
            steps=self._machine.loops,
            task=max(hi - lo for lo, hi in self._blocks(rows)),
        )
        for w, parameter in graph.scaled:
            number = lowering.number(parameter)
            lowering.derive(w, number, self.scaled[first + number].weights)
        lowering.run(BINDINGS)
        return lowering

    def _blocks(self, rows: int) -> list[tuple[int, int]]:
        """The samples of each task of a row stage."""
        networks = [player.network for player in self._players]
        positions = max(network.positions for network in networks)
        tile = self.program.chunk if any(map(keeps_chunks, networks)) else 1
        return self._machine.row_blocks(rows, positions, tile)

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
        update = self._updates.of_rows(lowering, generator.rule, self._batch, 0)
        self._learning = [*stages[found.segments :], update]
        if generator.rule.average:
            self._learning.append(self._updates.averaging(self.averages))
        return stages[: found.segments]

    def _lower_discriminator(self, graph: Graph, penalties, largest: float) -> tuple[list, list]:
        buffers, rule, rows = self._buffers, self._players[1].rule, 2 * self._batch
        network, updates = self._players[1].network, self._updates
        source = GameRows(self._X, self.made, self._batch)
        lowering = self._lowering(
            *(graph, source, buffers.order, rows, self.count, (), buffers.targets, network)
        )
        self.logits = lowering.emit(graph.logits, len(buffers.order))
        lowering.cut()
        stages = self._rows(lowering, lowering.segments, rows)
        if not penalties and not self.scaled:
            stages.append(updates.of_rows(lowering, rule, rows, self.count))
            return stages + updates.clipping(largest), []
        stages.append(updates.of_rows(lowering, rule, rows, self.count, "store"))
        bending = self._bending(penalties[0]) if penalties else []
        (bending or stages).extend(updates.of_stored(lowering, rule, rows))
        return stages, bending

    def _bending(self, graph: Graph) -> list:
        """The stages that add the penalty's gradient to the stored one."""
        rule, first, buffers = self._players[1].rule, self.count, self._buffers
        network, target = self._players[1].network, buffers.targets
        source = GameRows(self._X, self.made, self._batch, buffers.shares, target.reshape(-1))
        mixed = self._lowering(
            graph, source, buffers.order, self._batch, first, (), target, network
        )
        mixed.cut()
        stages = self._rows(mixed, mixed.segments, self._batch)
        return [*stages, self._updates.of_rows(mixed, rule, self._batch, first, "accumulate")]
