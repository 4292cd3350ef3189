"""The settings of the next passes' steps: rates, scales, L1 and L2, random numbers, noise with a
schedule, averages."""

from __future__ import annotations

import numpy as np

from fusednn.kernels import records
from fusednn.kernels.optimizers import OPTIMIZERS
from fusednn.plan.binding.epilogues import values_of
from fusednn.plan.training import Rule, TrainingPlan
from fusednn.schedules.powers import powers
from fusednn.schedules.schedule import Schedule, factors_of


class StepSettings:
    """The settings of a plan's steps, as `kernels.records` names them.

    Parameters
    ----------
    plan : TrainingPlan
        The settings of its steps are written.
    rule : Rule
    l2 : float
        Not used where the rule's decay is decoupled.
    batch_of_step : slice or ndarray
        The number of each step's batch.
    partners : ndarray of int64
        The samples that those of the orders are mixed with; written.

    Attributes
    ----------
    l1, l2 : float
        Factors of the L1 and L2 terms of the loss.
    done : int
        Batches done since `begin`.
    total : int
        Batches that schedules of noise are spread over.
    shares : ndarray or None
        With mixup, the shares that samples keep of themselves in each of the next batches.
    """

    def __init__(
        self, plan: TrainingPlan, rule: Rule, l2: float, batch_of_step: slice | np.ndarray,
        partners: np.ndarray,
    ):  # fmt: skip
        self._decoupled = rule.optimizer is not None and OPTIMIZERS[rule.optimizer].decoupled
        self._plan, self._mixup, self._average = plan, rule.mixup, rule.average
        self._all, self._batch_of_step = plan.program.settings, batch_of_step
        self._partners = partners
        stages = plan.program.steps[:, records.FIRST_STAGE]
        # blocks of a batch: the first stores its gradient, and a step of its own updates
        self._stores = np.isin(stages, [part.first for part in plan.stages])
        self._updates = np.isin(stages, [part.apply for part in plan.stages])
        self.l1 = rule.l1
        self.renew(l2)

    def renew(self, l2: float) -> None:
        """Resets the settings for another training."""
        self.l2 = 0.0 if self._decoupled else l2
        self._before = self.done = 0
        self.total = 1
        self.shares: np.ndarray | None = None
        self._all[:, records.EPSILON_FACTOR] = 1.0
        self._scaled_by: np.ndarray | None = None

    def begin(self, seed: int, batches: int, goes_on: bool, total: int) -> None:
        """Sets the seed of random numbers, how many batches of the training are done, and over how
        many schedules of noise are spread.

        Calls with one seed differ, unless the training `goes_on` as if there had been no pause.
        """
        before = 0 if goes_on else batches
        self._plan.key[:] = seed, before & 0xFFFFFFFF
        self._before, self.done, self.total = before, batches - before, total

    def set_passes(self, rates: np.ndarray, orders: np.ndarray, steps: int) -> None:
        """Sets what differs from step to step in the next passes; counts their batches as done.

        Parameters
        ----------
        rates : ndarray
            As `Session.run_passes` takes it.
        orders : ndarray of shape (passes, n_samples)
        steps : int
            The number of steps of all these passes.
        """
        settings = self._all[:steps]
        if rates.ndim == 1:
            settings[:, records.RATE] = rates[self._batch_of_step]
        else:
            settings[:, : rates.shape[1]] = rates[self._batch_of_step]
            if self._decoupled and self._plan.blocked:  # weights decay in the update alone
                settings[~self._updates[:steps], records.DECAY] = 0.0
        if self._plan.is_random:
            self._draw(settings, orders, len(rates))
        if self._plan.varied:
            self._plan.program.varied[:steps] = self._varied(len(rates))[self._batch_of_step]
        if self._average:
            t = self._before + self.done + np.arange(1, len(rates) + 1)
            shares = (1 - self._average) / (1 - powers(self._average, t))
            settings[:, records.AVERAGE] = shares[self._batch_of_step]
        self.done += len(rates)

    def _draw(self, settings: np.ndarray, orders: np.ndarray, batches: int) -> None:
        """Numbers the steps for their random numbers, and draws mixup's partners and shares."""
        first = self.done * -(-len(settings) // batches)
        settings[:, records.STREAM] = first + np.arange(len(settings))
        if not self._mixup:
            return
        partners = self._partners[: orders.size].reshape(orders.shape)
        self.shares = np.empty(batches)
        for number, share in enumerate(self.shares.reshape(len(orders), -1)):
            seeds = [*map(int, self._plan.key), self.done + number * len(share)]
            random = np.random.default_rng(seeds)
            partners[number] = random.permutation(orders[number])
            share[:] = random.beta(self._mixup, self._mixup, len(share))
        settings[:, records.MIX] = self.shares[self._batch_of_step]

    def _varied(self, batches: int) -> np.ndarray:
        """What varies of the noise in the next batches, in the plan's columns."""
        numbers = np.arange(batches, dtype=float) + (self._before + self.done)
        columns = []
        for varied in self._plan.varied:
            assert isinstance(varied.schedule, Schedule)
            factors = factors_of(varied.schedule, numbers, self.total)
            columns.append(np.array([values_of(varied, factor) for factor in factors.tolist()]))
        return np.hstack(columns)

    def scale(self, weight_sums: np.ndarray) -> None:
        """Divides each step's gradient and terms by its batch's sum of weights.

        Both are 0 for a batch whose weights sum to 0: only momentum and decoupled decay act then.
        """
        if self._scaled_by is weight_sums:
            return
        self._scaled_by = weight_sums
        sums = weight_sums[self._batch_of_step]
        self._all[:, records.SCALE] = divided(1.0, sums)
        if self.l1:
            self._all[:, records.L1] = divided(self._stores * self.l1, sums)
        if self._decoupled:
            return
        self._all[:, records.DECAY] = divided(self.l2, sums)
        if self._plan.blocked:  # the stored gradient has the decay already
            self._all[self._updates, records.DECAY] = 0.0


def divided(values: np.ndarray | float, sums: np.ndarray) -> np.ndarray:
    """values / sums, 0 where a sum is."""
    if sums.all():  # in a fifth of the time
        return values / sums
    return np.divide(values, sums, out=np.zeros_like(sums), where=sums != 0)
