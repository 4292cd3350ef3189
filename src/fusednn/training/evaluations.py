"""Outputs and losses of a network that is being trained, computed where it is trained."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fusednn.graph.network import Network
from fusednn.graph.time_axis import network_for
from fusednn.plan.binding.data import DenseRows, Source, source_of
from fusednn.plan.binding.loss import loss_scratch, lower_losses
from fusednn.plan.binding.program import Program
from fusednn.plan.inference import lower_inference
from fusednn.plan.lengths import has_padding, lengths_of, longest_first
from fusednn.plan.training import Target, TrainingPlan

from .parts.pieces import Pieces, run_in_pieces
from .teams import Runner


@dataclass
class _Outputs:
    """What computes the outputs of some samples.

    `taken` are those in the order in which they are computed, `order` that of `emitted` among
    `found`, if the two differ.
    """

    network: Network
    lower: Callable[..., tuple[Program, np.ndarray]]
    source: Source
    taken: np.ndarray | None
    program: Program
    emitted: np.ndarray
    order: np.ndarray | None
    found: np.ndarray
    pieces: Pieces | None = None


class Evaluations:
    """Evaluates the present parameters of a plan; keeps what it has lowered.

    Parameters
    ----------
    network : Network
    plan : TrainingPlan
    source : Source
        The training data.
    team : Runner
        What runs them.
    """

    def __init__(self, network: Network, plan: TrainingPlan, source: Source, team: Runner):
        self._network, self._plan, self._source, self._team = network, plan, source, team
        self._lowered: dict[tuple, Any] = {}

    def clear(self) -> None:
        """Forgets what was lowered for other data."""
        self._lowered.clear()

    def outputs(self, samples: np.ndarray | None, X=None, link: bool = True) -> np.ndarray:
        """Outputs of the present network.

        Parameters
        ----------
        samples : ndarray of int64 or None
            Rows to take; None is all in their order.
        X : array or sparse matrix, optional
            Other data than those of the training.
        link : bool
            Whether the output activation is applied.

        Returns
        -------
        ndarray of shape (n_samples, O)
            Overwritten by the next call with the same arguments.
        """
        key = id(samples), id(X), link
        if key not in self._lowered:  # the arguments keep their identities
            self._lowered[key] = (samples, X), self._outputs_of(samples, X, link)
        _, outputs = self._lowered[key]
        if outputs.pieces is None:
            try:
                self.run(outputs.program, outputs.emitted)
            except MemoryError:  # of a device, which has the training data and others already
                if not isinstance(outputs.source, DenseRows):
                    raise
                self._run_in_pieces(outputs)
        else:
            self._refresh(outputs.pieces.program)
            outputs.emitted[:] = outputs.pieces.run(self._team)
        if outputs.order is not None:
            outputs.found[outputs.order] = outputs.emitted
        if outputs.order is not None or outputs.pieces is not None:
            self._team.push((outputs.found,))
        return outputs.found

    def _outputs_of(self, samples: np.ndarray | None, X, link: bool) -> _Outputs:
        source = self._source if X is None else self._source_of(X)
        network, order = network_for(self._network, source.shape[1]), None
        first = network.ops[0]
        if isinstance(source, DenseRows) and has_padding(source.X, first):
            lengths = lengths_of(source.X, first)
            order = longest_first(lengths if samples is None else lengths[samples])
        lower = partial(
            lower_inference,
            *(network, self._plan.layout.views(self._plan.served)),
            dtype=self._plan.dtype,
            machine=self._plan.machine,
            answer="outputs" if link else "logits",
            ragged=order is not None,
        )
        taken = samples if order is None else _taken(samples, order)
        program, emitted = lower(source, order=taken)
        found = emitted if order is None else np.empty_like(emitted)
        return _Outputs(network, lower, source, taken, program, emitted, order, found)

    def _run_in_pieces(self, outputs: _Outputs) -> None:
        """Computes outputs for as many rows at once as there is room for, now and later."""

        def teams(program: Program) -> AbstractContextManager[Runner]:
            self._refresh(program)
            return nullcontext(self._team)

        assert isinstance(outputs.source, DenseRows)
        count, machine = len(outputs.emitted), self._plan.machine
        rows, _ = machine.answer_rows(outputs.network, count, self._plan.dtype)
        given = outputs.lower, outputs.source.X, outputs.taken, rows, teams
        outputs.pieces, outputs.emitted[:] = run_in_pieces(*given)

    def _source_of(self, X) -> Source:
        return source_of(X, self._plan.dtype, self._network)

    def losses(self, target: Target, samples: np.ndarray | None, X=None) -> np.ndarray:
        """The present loss of each row of the outputs, without its weight and the L2 term.

        Parameters
        ----------
        target : Target
            The targets of those rows.
        samples, X
            As `outputs` takes them.

        Returns
        -------
        ndarray of float64, of shape (n_samples,), or (n_samples * positions,)
        """
        logits = self.outputs(samples, X, link=False)
        key = id(target), id(logits)
        if key not in self._lowered:
            scratch = loss_scratch(self._network.outputs)
            program = self._plan.machine.program(logits.dtype, scratch)
            values = lower_losses(program, self._network, target, logits)
            self._lowered[key] = (target, logits), program, values
        _, program, values = self._lowered[key]
        self.run(program, values)
        return values.sum(axis=0)

    def run(self, program: Program, *written: np.ndarray) -> None:
        """Runs another program for the same machine, which writes these arrays."""
        self._refresh(program)
        self._team.run(0, len(program.steps), program)
        self._team.pull(written)

    def _refresh(self, program: Program) -> None:
        """Computes what a program derives from the present parameters."""
        for refresh in program.refresh:
            self._team.pull(refresh.read)
            refresh()
            self._team.push(refresh.written)


def _taken(samples: np.ndarray | None, order: np.ndarray) -> np.ndarray:
    """Samples in an order."""
    return order if samples is None else samples[order]
