"""What an optimizer remembers between passes: its learning rate, step count and moments."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np

from fusednn.kernels import records
from fusednn.optimizers import SGD, NAdam, Optimizer
from fusednn.plan.training import Rule
from fusednn.schedules import ReduceOnPlateau, Schedule, powers

SMALLEST_RATE = 1e-6
WORSE = 1 - 1e-4
"""Times the best loss: what a loss must be below to be better, for `ReduceOnPlateau`."""


def rule_of(optimizer: Optimizer) -> Rule:
    """The update that a description asks for, as a plan takes it."""
    return Rule(*optimizer.kernel())


class OptimizerState:
    """State of a stochastic optimizer, in plain numbers and arrays.

    Parameters
    ----------
    solver : {"sgd", "adam"} or Optimizer
        scikit-learn's by name, whose Adam adds epsilon to the uncorrected root.
    rule : Rule
        The update as a plan takes it.
    learning_rate_init : float
    schedule : {"constant", "invscaling", "adaptive"}, Schedule or callable
        Of SGD's rate by name, of any solver's as a description or from a pass's number to a
        factor.
    power_t : float
        Exponent of "invscaling".

    Attributes
    ----------
    learning_rate : float
        The present rate; for scikit-learn's Adam that of the last step, bias correction included.
    t, passes : int
        Steps and passes taken.
    total : int
        Steps that a schedule is spread over.
    moments : list of list of ndarray
        The arrays of each moment, as the parameters; empty before the first pass.
    raw : (list of ndarray, bytes) or None
        What is trained, where the estimator has averages of it, and a digest of those.
    """

    def __init__(self, solver, rule: Rule, learning_rate_init, schedule, power_t):
        self.solver, self.rule = solver, rule
        self.learning_rate_init = self.learning_rate = float(learning_rate_init)
        self.schedule, self.power_t = schedule, power_t
        self.t = self.passes = 0
        self.total = 1
        self._factor, self._best, self._idle = 1.0, np.inf, 0  # of ReduceOnPlateau
        self.moments: list[list[np.ndarray]] = []
        self.raw: tuple[list[np.ndarray], bytes] | None = None
        self._product_before = 0, 1.0  # steps, and the product of their momenta: NAdam's

    @property
    def waits_for_losses(self) -> bool:
        """Whether the rate of a pass depends on what the one before gave, or may."""
        return isinstance(self.schedule, ReduceOnPlateau) or callable(self.schedule)

    def mark(self) -> dict:
        """Where it stands, for `go_back`; moments are what a fit began with, until it ends."""
        return vars(self).copy()

    def go_back(self, mark: dict, steps: int = 0) -> None:
        """Takes back what was taken since, but for the first steps."""
        vars(self).update(mark)
        self.t += steps

    @property
    def _is_sgd(self) -> bool:
        return self.solver == "sgd" or isinstance(self.solver, SGD)

    def rates(self, batches: int, seen: Sequence[int]) -> np.ndarray:
        """The rate of each step of the next passes, which are then taken.

        Parameters
        ----------
        batches : int
            Steps of a pass.
        seen : sequence of int
            Samples seen in all when each of the passes ends.

        Returns
        -------
        ndarray
            As `Session.run_passes` takes it.
        """
        if not seen:
            return np.empty(0)
        rates = self._scheduled_rates(batches, seen)
        self.t += len(rates)
        self.passes += len(seen)
        if self.rule.optimizer in ("adam", "amsgrad", "adamw", "nadam"):
            t = np.arange(self.t - len(rates) + 1, self.t + 1, dtype=float)
            return self._adam_rates(rates, t)
        return self._with_decay(rates)

    def _scheduled_rates(self, batches: int, seen: Sequence[int]) -> np.ndarray:
        """The learning rate of each step, without corrections."""
        if not isinstance(self.schedule, str):
            rates = self.learning_rate_init * self._factors(batches, len(seen))
            self.learning_rate = float(rates[-1])
            return rates
        if not (self._is_sgd and self.schedule == "invscaling"):
            rate = self.learning_rate if self._is_sgd else self.learning_rate_init
            return np.full(batches * len(seen), rate)
        rates = np.empty((len(seen), batches))
        for row, samples in zip(rates, seen, strict=True):
            row[:] = self.learning_rate
            self.learning_rate = self.learning_rate_init / (samples + 1) ** self.power_t
        return rates.reshape(-1)

    def _factors(self, batches: int, passes: int) -> np.ndarray:
        """What a description or a callable makes of the next steps' rates."""
        steps = batches * passes
        if isinstance(self.schedule, ReduceOnPlateau):
            return np.full(steps, self._factor)
        if isinstance(self.schedule, Schedule):
            numbers = np.arange(self.t, self.t + steps, dtype=float)
            return self.schedule.factors(numbers, self.total)
        factors = [float(self.schedule(self.passes + number)) for number in range(passes)]
        if not all(isfinite(factor) and factor >= 0 for factor in factors):
            raise ValueError(f"learning_rate must return factors from 0, got {factors}.")
        return np.repeat(factors, batches)

    def note_loss(self, loss: float) -> None:
        """The loss of a pass, for a rate that waits for it; PyTorch's rule."""
        if not isinstance(self.schedule, ReduceOnPlateau):
            return
        self._idle = 0 if loss < WORSE * self._best else self._idle + 1
        self._best = min(loss, self._best) if self._idle == 0 else self._best
        if self._idle > self.schedule.patience:
            self._factor *= self.schedule.factor
            self._idle = 0

    def _adam_rates(self, rates: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Rates of Adam and its kin in steps t, with the bias corrections.

        Kingma and Ba (2014), end of section 2: both are in the rate, and where epsilon is added
        to the corrected root, it is multiplied by the root's correction.
        """
        beta_1, beta_2, _ = self.rule.constants
        roots = np.sqrt(1 - powers(beta_2, t))
        if self.solver == "adam":
            rates = rates * roots / (1 - powers(beta_1, t))
            self.learning_rate = float(rates[-1])
            return rates
        settings = self._with_decay(rates, width=records.SCHEDULED)
        settings[:, records.EPSILON_FACTOR] = roots
        if isinstance(self.solver, NAdam):
            momenta, products = self._momenta(t)
            gradient = (1 - momenta[:-1]) / (1 - products[:-1])
            settings[:, records.RATE] = rates * roots * gradient
            settings[:, records.SECOND_RATE] = rates * roots * momenta[1:] / (1 - products[1:])
        else:
            settings[:, records.RATE] = rates * roots / (1 - powers(beta_1, t))
        return settings

    def _with_decay(self, rates: np.ndarray, width: int = 1) -> np.ndarray:
        """Room for the settings of steps, with rate and, where it is decoupled, decay."""
        weight_decay = getattr(self.solver, "weight_decay", None)
        if weight_decay is None and width == 1:
            return rates
        settings = np.zeros((len(rates), width if weight_decay is None else records.DECAY + 1))
        settings[:, records.RATE] = rates
        settings[:, records.EPSILON_FACTOR] = 1.0
        if weight_decay is not None:
            settings[:, records.DECAY] = rates * weight_decay
        return settings

    def _momenta(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """NAdam's momenta of steps t and one more, and the products of all up to each."""
        known, product = self._product_before
        if known != t[0] - 1:  # steps were taken back
            known, product = 0, 1.0
        steps = np.arange(known + 1, t[-1] + 2)
        growth = powers(0.96**self.solver.momentum_decay, steps)
        momenta = self.rule.constants[0] * (1 - 0.5 * growth)
        products = np.cumprod([product, *momenta])[1:]
        self._product_before = int(t[-1]), float(products[-2])
        wanted = len(t) + 1
        return momenta[-wanted:], products[-wanted:]

    def stalled(self, message: str, verbose) -> bool:
        """What to do when nothing improves: true to stop, false after lowering the rate."""
        adaptive = self._is_sgd and self.schedule == "adaptive"
        if adaptive and self.learning_rate > SMALLEST_RATE:
            self.learning_rate /= 5.0
            if verbose:
                print(f"{message} Setting learning rate to {self.learning_rate:f}")
            return False
        if verbose:
            print(message + (" Learning rate too small." if adaptive else "") + " Stopping.")
        return True
