"""What an optimizer remembers between passes: its learning rate, step count and moments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusednn.plan.training import Rule

SMALLEST_RATE = 1e-6


class OptimizerState:
    """State of a stochastic optimizer, in plain numbers and arrays.

    Parameters
    ----------
    solver : {"sgd", "adam"}
    learning_rate_init : float
    schedule : {"constant", "invscaling", "adaptive"}
        Of SGD's rate.
    power_t : float
        Exponent of "invscaling".
    momentum : float
    nesterov : bool
    beta_1, beta_2, epsilon : float

    Attributes
    ----------
    learning_rate : float
        SGD's present rate; for Adam that of the last step, bias correction included.
    t : int
        Steps taken.
    moments : list of (coefs, intercepts)
        One pair of lists of arrays per moment; empty before the first pass.
    """

    def __init__(
        self,
        solver,
        learning_rate_init,
        schedule,
        power_t,
        momentum,
        nesterov,
        beta_1,
        beta_2,
        epsilon,
    ):
        self.solver = solver
        self.learning_rate_init = self.learning_rate = float(learning_rate_init)
        self.schedule, self.power_t = schedule, power_t
        self.momentum, self.nesterov = momentum, nesterov
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.t = 0
        self.moments: list = []

    @property
    def rule(self) -> Rule:
        """The update as a plan takes it."""
        if self.solver == "adam":
            return Rule("adam", (self.beta_1, self.beta_2, self.epsilon))
        return Rule("nesterov" if self.nesterov else "sgd", (self.momentum,))

    def rates(self, batches: int, seen: Sequence[int]) -> np.ndarray:
        """The rate of each step of the next passes, which are then taken.

        Parameters
        ----------
        batches : int
            Steps of a pass.
        seen : sequence of int
            Samples seen in all when each of the passes ends.
        """
        steps = batches * len(seen)
        self.t += steps
        if self.solver == "sgd":
            rates = np.empty((len(seen), batches))
            for row, samples in zip(rates, seen, strict=True):
                row[:] = self.learning_rate
                if self.schedule == "invscaling":
                    self.learning_rate = self.learning_rate_init / (samples + 1) ** self.power_t
            return rates.reshape(-1)
        # Kingma and Ba (2014), end of section 2: both bias corrections in the rate.
        t = np.arange(self.t - steps + 1, self.t + 1, dtype=float)
        rates = self.learning_rate_init * np.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        if steps:
            self.learning_rate = float(rates[-1])
        return rates

    def stalled(self, message: str, verbose) -> bool:
        """What to do when nothing improves: true to stop, false after lowering the rate."""
        adaptive = self.solver == "sgd" and self.schedule == "adaptive"
        if adaptive and self.learning_rate > SMALLEST_RATE:
            self.learning_rate /= 5.0
            if verbose:
                print(f"{message} Setting learning rate to {self.learning_rate:f}")
            return False
        if verbose:
            print(message + (" Learning rate too small." if adaptive else "") + " Stopping.")
        return True
