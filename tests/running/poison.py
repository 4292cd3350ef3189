"""NaN in all memory that a step or a prediction has to write before it may read it."""

import numpy as np

from fusednn.training import predict
from fusednn.training.session import Session


def poison(memory):
    """Fills all that a step has to write before it may read it; the number of buffers."""
    for buffer in memory.work:
        buffer[...] = np.nan if buffer.dtype.kind == "f" else 1 << 20
    return len(memory.work)


class Poisoned:
    """Poisons memory before every pass, gradient and prediction of the estimators.

    `buffers` holds the number of buffers that each of them had.
    """

    def __init__(self, monkeypatch):
        self.buffers = {"passes": [], "gradients": [], "predictions": []}
        run_passes, run_gradient, run_all = (
            Session.run_passes,
            Session.run_gradient,
            predict.run_all,
        )

        def passes(session, *args):
            self.buffers["passes"].append(poison(session.plan.memory))
            return run_passes(session, *args)

        def gradient(session, *args):
            self.buffers["gradients"].append(poison(session.plan.memory))
            return run_gradient(session, *args)

        def run(program, *args):
            self.buffers["predictions"].append(poison(program.memory))
            return run_all(program, *args)

        monkeypatch.setattr(Session, "run_passes", passes)
        monkeypatch.setattr(Session, "run_gradient", gradient)
        monkeypatch.setattr(predict, "run_all", run)
