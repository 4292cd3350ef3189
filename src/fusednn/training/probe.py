"""Inspects a network in training on a few samples: every op's outputs, and the gradient."""

from __future__ import annotations

from math import prod

import numpy as np

from fusednn.graph.layers.layer import shapes_along
from fusednn.graph.network import Network
from fusednn.graph.time_axis import ops_of_steps
from fusednn.plan.binding.data import DenseRows
from fusednn.plan.inference import lower_outputs
from fusednn.plan.lengths import has_padding, lengths_of

from .session import Session


class Probe:
    """Evaluates parameters on the samples of a session; a context manager that owns its threads.

    Parameters
    ----------
    session : Session
        It has these samples alone, in one batch, and a rule that only stores the gradient.
    """

    def __init__(self, session: Session):
        self._session, plan, source = session, session.plan, session.source
        self._real: list[np.ndarray] | None = None
        if isinstance(source, DenseRows) and has_padding(source.X, session.network.ops[0]):
            self._real = _real_rows(session.network, source.X)
        self._program, self._outputs = lower_outputs(
            session.network,
            plan.layout.views(plan.parameters),
            source,
            plan.dtype,
            machine=plan.machine,
            ragged=self._real is not None,
        )

    def __enter__(self) -> Probe:
        self._session.__enter__()
        return self

    def __exit__(self, *exception) -> None:
        self._session.__exit__(*exception)

    def look(self, arrays) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Each op's outputs, without noise, and the gradient of each parameter.

        Parameters
        ----------
        arrays : list of ndarray
            The network's parameters.

        Returns
        -------
        outputs : list of ndarray of shape (n_samples, O)
            BatchNorm uses its running statistics; the last op's outputs are the logits. The next
            call overwrites them. Outputs of padded series are rows (steps, O), without padding.
        gradients : list of ndarray
            The gradients of the training loss; BatchNorm uses the statistics of the batch.
        """
        session = self._session
        session.load(arrays)
        # before the gradient, which moves running statistics
        session.evaluations.run(self._program)
        session.run_gradient(1.0)
        return self._left(), session.gradient()

    def _left(self) -> list[np.ndarray]:
        """Each op's outputs, without padding."""
        if self._real is None:
            return self._outputs
        pairs = zip(self._outputs, self._session.network.ops, self._real, strict=True)
        return [rows.reshape(-1, op.fan_out)[real] for rows, op, real in pairs]


def _real_rows(network: Network, X: np.ndarray) -> list[np.ndarray]:
    """For each op which rows of its output are no padding: masks over all samples' rows."""
    lengths, ops = lengths_of(X, network.ops[0]), network.ops
    found = []
    positions = [prod(shape[:-1]) for shape in shapes_along(ops, (ops[0].fan_in,))[1:]]
    known = {}
    for steps in np.unique(lengths).tolist():
        resized = ops_of_steps(ops, steps)
        known[steps] = shapes_along(resized, (resized[0].fan_in,))
    for number, count in enumerate(positions, 1):
        counts = np.array([prod(known[steps][number][:-1]) for steps in lengths.tolist()])
        found.append((np.arange(count) < counts[:, np.newaxis]).reshape(-1))
    return found
