"""The training plan: rows forward and backward, then the update of the parameters tile by tile."""

from __future__ import annotations

from math import prod

import numpy as np

from fusednn.graph.calls import Call
from fusednn.graph.network import Network
from fusednn.kernels.optimizers import OPTIMIZERS

from .binding.bindings import BINDINGS
from .binding.epilogues import columns_of
from .binding.loss import Target, loss_records, target_columns
from .binding.lowering import Lowering
from .binding.next_tokens import NextTokens
from .binding.products import gradient_op
from .layout.choosing import forms_of
from .layout.parameters import ParameterLayout
from .lengths import lengths_of
from .machines import Machine
from .memory.buffers import padded
from .memory.memory import Memory
from .scratch import training_elements
from .training_stages import TrainingStages
from .updating.batches import is_blocked, rows_at_once, samples_per_chunk, starts_of
from .updating.normed_weights import normed_weights_of
from .updating.rule import Rule
from .windowing import Part, Stages, Windows, forward_only


class TrainingPlan(TrainingStages):
    """A network, its data and its update, lowered for a machine.

    Attributes
    ----------
    machine : Machine
    layout : ParameterLayout
    rows, block : int
        Samples that the buffers have room for, and samples that are processed at once.
    joined : bool
        Whether a last batch of one sample is joined to the one before; the buffers have room for
        it.
    blocked : bool
        Whether the gradient of a batch is stored in memory.
    stages : list of Stages
        The numbers of the stages: of all, or of each kind of windows.
    windows : Windows or None
        Those of series that are trained on in windows.
    parameters, transposed : ndarray
        The flat vector and the transposed copy.
    states : list of ndarray
        The optimizer's state, each array laid out like the parameters.
    gradient : ndarray
        The stored gradient; empty where the plan stores none.
    key : ndarray of two int64
        The key of the random numbers; written in place.
    averages : ndarray
        The averages of the parameters; empty where there are none.
    normed : list of NormedWeights
        The weight-normalised weights.
    dx : ndarray of shape (n_samples, inputs), or None
        The gradient by the data in their `order`, if the rule asks for it.
    varied : tuple of Varied
        The noise that varies from step to step.
    memory : Memory
    order : ndarray of int64
        The orders of samples of the next passes, one after the other; written in place.
    partners : ndarray of int64
        In the same places, the sample that each is mixed with; empty without mixup.
    program : Program
    """

    def __init__(
        self, network: Network, source, target: Target | NextTokens, rule: Rule, batch: int, order,
        machine: Machine,
    ):  # fmt: skip
        rows = (prod(network.out_shape[:-1]),) if len(network.out_shape) > 1 else ()
        expected = source.shape[0], *rows, target_columns(network)
        if target.shape != expected or source.shape[1] != network.inputs:
            raise ValueError(
                f"a network of {network.inputs} inputs and {network.outputs} outputs cannot be"
                f" trained on data of shape {source.shape} with targets of shape"
                f" {target.shape}"
            )
        self.network, self.dtype = network, np.dtype(target.dtype)
        self.machine = machine
        forms = forms_of(network, self.dtype, wants_dx=rule.inputs)
        self.layout = ParameterLayout(forms, self.dtype)
        self.order = order
        self.partners = np.zeros(len(order) if rule.mixup else 0, np.int64)
        self.joined = network.needs_batches()
        self.block = rows_at_once(network, rule, batch)
        self.rows = self.block + self.joined
        self.blocked = is_blocked(network, rule, batch)
        self.memory = Memory()
        self.parameters = self.memory.keep(self.layout.count, self.dtype)
        self.transposed = self.memory.keep(max(1, self.layout.transposed_count), self.dtype)
        n_states = OPTIMIZERS[rule.optimizer].states if rule.optimizer else 0
        self.states = [self.memory.keep(self.layout.count, self.dtype) for _ in range(n_states)]
        stored = self.layout.count if self.blocked else 0
        self.gradient = self.memory.keep(stored, self.dtype)
        averaged = self.layout.count if rule.average else 0
        self.averages = self.memory.keep(averaged, self.dtype)
        self.key = np.zeros(2, np.int64)
        self._rule = rule
        self.windows: Windows | None = None
        parts = [Part(network, source, target, order, order)]
        if rule.window:
            assert isinstance(target, Target)
            starts = starts_of(len(order), batch, self.joined)
            stops = np.append(starts[1:], len(order))
            lengths = lengths_of(source.X, network.ops[0]) if rule.ragged else None
            self.windows = Windows(network, rule.window, source, target, starts, stops, lengths)
            parts = self.windows.parts
        networks = [part.network for part in parts]
        graphs = [one.graph(trains=True, wants_dx=rule.inputs) for one in networks]
        scratch = training_elements(networks, graphs, self.layout.forms, self.dtype)
        chunk = samples_per_chunk(network, self.block)
        self.program = machine.program(self.dtype, scratch, self.memory, chunk)
        self.stages: list[Stages] = []
        stages: list = []
        self._carried: list[np.ndarray] = []
        for part in parts:
            found, bounds = self._lower(part)
            self.stages.append(Stages(*(len(stages) + bound for bound in bounds)))
            stages += found
        self.program.set_stages(stages)

    @property
    def served(self) -> np.ndarray:
        """The parameters to predict with: the averages, if there are any."""
        return self.averages if len(self.averages) else self.parameters

    def load(self, arrays) -> None:
        """Copies parameters in; their averages begin with them."""
        self.load_trained(arrays)
        self.averages[:] = self.parameters[: len(self.averages)]

    def load_trained(self, arrays) -> None:
        """Copies parameters in, and leaves their averages unchanged."""
        self.layout.pack(arrays, self.parameters)
        self.layout.pack_transposed(arrays, self.transposed)
        for normed in self.normed:
            w = normed.refresh(self.layout.views(self.parameters))
            copy = self.layout.transposed(self.transposed, normed.directions)
            if copy is not None:
                normed.form.pack_transposed(copy, w)

    # -- lowering ------------------------------------------------------------------------

    def _lower(self, part: Part) -> tuple[list, Stages]:
        """The stages of a part, and their numbers."""
        program, layout, rule = self.program, self.layout, self._rule
        network, source, target, order, rows = part
        noisy, mixed = rule.optimizer is not None, rule.mixup > 0
        graph = network.graph(
            trains=True,
            noisy=noisy,
            mixed=mixed,
            wants_dx=rule.inputs,
            augmentation=rule.augmentation,
            in_bytes=source.in_bytes,
            ragged=rule.ragged,
            windowed=self.windows is not None,
        )
        if target is None:
            graph = forward_only(graph)
        orders = {"own": order, "partners": self.partners}
        if self.windows is not None:
            orders["steps"] = self.windows.lengths

        def loss(lowering: Lowering, call: Call) -> list[np.ndarray]:
            assert target is not None
            logits = lowering.blocks[call.given["logits"]]
            return loss_records(
                *(program, network, target, logits, lowering.blocks[call.out["dlogits"]]),
                *(lowering.values(call.out["losses"]), padded(logits.width, self.dtype)),
                rows if call.given["order"] == "own" else self.partners,
            )

        lowering = Lowering(
            program,
            graph,
            self.rows,
            source,
            orders,
            layout.forms,
            layout.views(self.parameters),
            transposed=layout.copies(self.transposed),
            key=self.key,
            loss=loss,
            steps=self.machine.loops,
            task=max(hi - lo for lo, hi in self._row_blocks()),
            carried=self._carried,
        )
        self.normed = normed_weights_of(lowering)
        lowering.run(BINDINGS)
        self.dx = None if graph.dx is None else lowering.emit(graph.dx, len(self.order))
        lowering.cut()
        self.is_random, self.varied = graph.is_random, graph.varied
        self.program.n_varied = columns_of(graph.varied)
        if target is None:
            stages = self._row_stages(lowering)
            return stages, Stages(0, 0, 0, len(stages))
        gradients = {
            number: gradient_op(lowering, number, gradient)
            for number, gradient in graph.gradients.items()
        }
        assert graph.losses is not None
        return self._all_stages(lowering, gradients, lowering.values(graph.losses))
