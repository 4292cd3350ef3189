"""Outputs and losses of a network that is being trained, computed where it is trained."""

from __future__ import annotations

import numpy as np

from fusednn.graph.network import Network
from fusednn.graph.time_axis import network_for
from fusednn.plan.binding.data import DenseRows, Source, source_of
from fusednn.plan.binding.loss import loss_scratch, lower_losses
from fusednn.plan.binding.program import Program
from fusednn.plan.inference import lower_inference
from fusednn.plan.lengths import has_padding, lengths_of, longest_first
from fusednn.plan.training import Target, TrainingPlan

from .teams import Runner


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
        self._lowered: dict[tuple, tuple] = {}

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
        if key not in self._lowered:
            source = self._source if X is None else self._source_of(X)
            network, order = network_for(self._network, source.shape[1]), None
            first = network.ops[0]
            if isinstance(source, DenseRows) and has_padding(source.X, first):
                lengths = lengths_of(source.X, first)
                order = longest_first(lengths if samples is None else lengths[samples])
            program, emitted = lower_inference(
                network,
                self._plan.layout.views(self._plan.served),
                source,
                self._plan.dtype,
                order=samples if order is None else _taken(samples, order),
                machine=self._plan.machine,
                answer="outputs" if link else "logits",
                ragged=order is not None,
            )
            found = emitted if order is None else np.empty_like(emitted)
            # the arguments keep their identities
            self._lowered[key] = (samples, X), program, emitted, order, found
        _, program, emitted, order, found = self._lowered[key]
        self.run(program, emitted)
        if order is not None:
            found[order] = emitted
            self._team.push((found,))
        return found

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
        if program.refresh:
            self._team.pull((self._plan.served,))
            for refresh in program.refresh:
                refresh()
            self._team.push(program.memory.kept)
        self._team.run(0, len(program.steps), program)
        self._team.pull(written)


def _taken(samples: np.ndarray | None, order: np.ndarray) -> np.ndarray:
    """Samples in an order."""
    return order if samples is None else samples[order]
