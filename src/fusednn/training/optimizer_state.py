"""The state of an optimizer between passes: its learning rate, step count and moments."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np

from fusednn.kernels import records
from fusednn.optimizers import SGD, NAdam, Optimizer
from fusednn.plan.training import Rule
from fusednn.schedules import ReduceOnPlateau, Schedule
from fusednn.schedules.powers import powers
from fusednn.schedules.schedule import factors_of

SMALLEST_RATE = 1e-6
BETTER = 1 - 1e-4
"""For `ReduceOnPlateau`: a loss is better if it is below this times the best one."""


def rule_of(optimizer: Optimizer) -> Rule:
    """The update rule of an optimizer's description."""
    return Rule(*optimizer.kernel())


class OptimizerState:
    """State of a stochastic optimizer, in plain numbers and arrays.

    Parameters
    ----------
    solver : {"sgd", "adam"} or Optimizer
        A name means scikit-learn's solver, whose Adam adds epsilon to the uncorrected root.
    rule : Rule
        Its update rule.
    learning_rate_init : float
    schedule : {"constant", "invscaling", "adaptive"}, Schedule or callable
        A name is for SGD only. A Schedule, or a callable from a pass's number to a factor, is for
        any solver.
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
        The arrays of each moment, in the parameters' shapes; empty before the first pass.
    raw : (list of ndarray, bytes) or None
        If the estimator has averages of the parameters: the trained ones, and a digest of the
        averages.
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
        self._product_before = 0, 1.0  # NAdam: steps, and the product of their momenta

    @property
    def waits_for_losses(self) -> bool:
        """Whether the rate of a pass depends, or may depend, on the loss of the one before."""
        return isinstance(self.schedule, ReduceOnPlateau) or callable(self.schedule)

    def state(self) -> dict:
        """The present state, for `restore`; during a fit the moments are those it began with."""
        return vars(self).copy()

    def restore(self, state: dict, steps: int = 0) -> None:
        """Returns to an earlier state, but counts the first `steps` steps taken since."""
        vars(self).update(state)
        self.t += steps

    @property
    def _is_sgd(self) -> bool:
        return self.solver == "sgd" or isinstance(self.solver, SGD)

    def rates(self, batches: int, seen: Sequence[int]) -> np.ndarray:
        """The rate of each step of the next passes, which it counts as taken.

        Parameters
        ----------
        batches : int
            Steps of a pass.
        seen : sequence of int
            All samples seen at the end of each of the passes.

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
        """The factors of the next steps' rates, from a Schedule or a callable."""
        steps = batches * passes
        if isinstance(self.schedule, ReduceOnPlateau):
            return np.full(steps, self._factor)
        if isinstance(self.schedule, Schedule):
            numbers = np.arange(self.t, self.t + steps, dtype=float)
            return factors_of(self.schedule, numbers, self.total)
        factors = [float(self.schedule(self.passes + number)) for number in range(passes)]
        if not all(isfinite(factor) and factor >= 0 for factor in factors):
            raise ValueError(f"learning_rate must return factors from 0, got {factors}.")
        return np.repeat(factors, batches)

    def note_loss(self, loss: float) -> None:
        """Lowers the rate of `ReduceOnPlateau` after the loss of a pass, by PyTorch's rule."""
        if not isinstance(self.schedule, ReduceOnPlateau):
            return
        self._idle = 0 if loss < BETTER * self._best else self._idle + 1
        self._best = min(loss, self._best) if self._idle == 0 else self._best
        if self._idle > self.schedule.patience:
            self._factor *= self.schedule.factor
            self._idle = 0

    def _adam_rates(self, rates: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Rates of Adam and its variants in steps t, with the bias corrections.

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
        """The rates, or settings of `width` or more columns with rate and any decoupled decay."""
        weight_decay = getattr(self.solver, "weight_decay", None)
        if weight_decay is None and width == 1:
            return rates
        settings = np.zeros((len(rates), width if weight_decay is None else records.DECAY + 1))
        settings[:, records.RATE] = rates
        settings[:, records.EPSILON_FACTOR] = 1.0
        if weight_decay is not None:
            settings[:, records.DECAY] = rates * weight_decay
            if (schedule := self.solver.decay_schedule) is not None:
                numbers = np.arange(self.t - len(rates), self.t, dtype=float)
                settings[:, records.DECAY] *= factors_of(schedule, numbers, self.total)
        return settings

    def _momenta(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """NAdam's momenta of steps t and the next one, and the products of all up to each."""
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
        """Handles a lack of improvement: True to stop, False after lowering the rate."""
        adaptive = self._is_sgd and self.schedule == "adaptive"
        if adaptive and self.learning_rate > SMALLEST_RATE:
            self.learning_rate /= 5.0
            if verbose:
                print(f"{message} Setting learning rate to {self.learning_rate:f}")
            return False
        if verbose:
            print(message + (" Learning rate too small." if adaptive else "") + " Stopping.")
        return True
