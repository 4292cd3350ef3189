"""Inspects a network in training on a few samples: every op's outputs, and the gradient."""

from __future__ import annotations

import numpy as np

from fusednn.plan.inference import lower_outputs

from .session import Session


class Probe:
    """Evaluates parameters on the samples of a session; a context manager that owns its threads.

    Parameters
    ----------
    session : Session
        It has these samples alone, in one batch, and a rule that only stores the gradient.
    """

    def __init__(self, session: Session):
        self._session, plan = session, session.plan
        self._program, self._outputs = lower_outputs(
            session.network,
            plan.layout.views(plan.parameters),
            session.source,
            plan.dtype,
            workers=plan.program.workers,
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
            call overwrites them.
        gradients : list of ndarray
            The gradients of the training loss; BatchNorm uses the statistics of the batch.
        """
        session = self._session
        session.load(arrays)
        # before the gradient, which moves running statistics
        session.evaluations.run(self._program)
        session.run_gradient(1.0)
        return self._outputs, session.plan.layout.unpack(session.plan.gradient)
