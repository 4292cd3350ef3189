"""A network being trained: its plan, its threads, and passes over the data."""

from __future__ import annotations

import time

import numpy as np

from fusednn.graph.network import Network
from fusednn.kernels import records
from fusednn.plan.binding.data import source_of
from fusednn.plan.binding.next_tokens import NextTokens
from fusednn.plan.lengths import dealt, lengths_of
from fusednn.plan.training import Rule, Target, TrainingPlan
from fusednn.plan.updating.batches import is_blocked, starts_of

from .drawn_windows import DrawnWindows
from .evaluations import Evaluations
from .parts.staging import staged_for
from .session_arrays import SessionArrays
from .step_settings import StepSettings, divided
from .teams import machine_of, spare_of, team_of
from .threads.pace import Pace
from .threads.work import choose_workers, step_flops

SLICE_SECONDS = 0.2
"""One compiled call lasts about this long at most, so that Ctrl-C is answered."""

AHEAD_FLOPS, MOST_AHEAD = 20_000_000, 16
"""Passes that together have this little work, and so many at most, may run in one call.

Python's share of a pass was 15 us; one of the iris data is 15 to 25 us of work.
"""

SMALL_FLOPS = 20_000_000
"""Steps below, some 80 us of a core, are not sure to gain by a second one."""


class TimeUp(Exception):
    """The deadline has passed within a pass; its argument is how many batches are done."""


class Session(SessionArrays):
    """Training of one network on one data set; a context manager that owns the threads.

    Parameters
    ----------
    network : Network
    X : array or sparse matrix of shape (n_samples, n_features)
        Read in place where its type and layout allow.
    target : Target
    rule : Rule
    batch : int
        Rows of a mini-batch.
    order : ndarray of int64
        The samples to train on, in order.
    l2 : float
        scikit-learn's alpha; not used where the rule's decay is decoupled.
    n_jobs : int or None
    several : bool
        Whether several passes may run in one call, if they are short.
    device : {"cpu", "cuda", "auto"}

    Attributes
    ----------
    ahead : int
        How many passes may.
    evaluations : Evaluations
        Outputs and losses of the present network.
    """

    def __init__(
        self,
        network: Network,
        X,
        target: Target | NextTokens,
        rule: Rule,
        *,
        batch: int,
        order: np.ndarray,
        l2: float,
        n_jobs: int | None,
        several: bool = False,
        device: str = "cpu",
    ):
        self.network, self.target = network, target
        self.ahead = 1
        if several and not rule.window and not is_blocked(network, rule, batch):
            work = max(1, int(step_flops(network, len(order))))
            self.ahead = min(max(1, AHEAD_FLOPS // work), MOST_AHEAD)
        self.orders = np.tile(order, (self.ahead, 1))  # of the next passes
        self._shuffled, self._lengths = order, None
        if rule.ragged:
            self._shuffled, self._lengths = order.copy(), lengths_of(X, network.ops[0])
        self._passes = self.ahead  # of the last call
        self.source = source_of(X, target.dtype, network)
        flat = self.orders.reshape(-1)
        given = network, len(order), batch, target.dtype, n_jobs
        machine = machine_of(device, lambda: choose_workers(*given))
        self.plan = TrainingPlan(network, self.source, target, rule, batch, flat, machine)
        self._partners = self.plan.partners
        self._staged = staged_for(spare_of(device), self.plan, self.source, target, rule)
        if self._staged is not None:
            self.plan = self._staged.lowered(network, rule, batch, machine)
        starts = starts_of(len(order), batch, self.plan.joined)
        self.batches, self._cuts = len(starts), starts[1:]  # of one pass
        self._starts = (np.arange(self.ahead)[:, np.newaxis] * len(order) + starts).reshape(-1)
        self._counts = np.tile(np.diff(starts, append=len(order)), self.ahead).astype(float)
        if self._lengths is not None:
            for own in self.orders:
                self._sort(own)
        windows, continues = self.plan.windows, None
        if windows is None:
            self._steps, batch_of_step = self.plan.steps_of(len(order), batch)
        else:
            self._steps, batch_of_step, judged, continues = windows.steps_of(
                self.plan.stages, self.plan.blocked
            )
        if self.ahead > 1:
            self._steps = np.tile(self._steps, (self.ahead, 1))
            self._steps[:, records.START] = self._starts  # each pass has an order of its own
        if self._staged is not None:
            self._steps = self._staged.arrange(self._steps, flat, self._partners)
        self.plan.program.set_steps(self._steps)
        # the batch of each step and the first step of each batch: views, where a step is a batch
        self._batch_of_step: slice | np.ndarray = slice(None)
        self._first_of_batch: slice | np.ndarray = slice(None)
        if self.plan.blocked:
            self._batch_of_step = batch_of_step
            self._first_of_batch = np.searchsorted(batch_of_step, np.arange(len(self._starts)))
        if windows is not None:
            self._batch_of_step, self._first_of_batch = batch_of_step, judged
            self.plan.program.settings[:, records.CONTINUES] = continues
            self.batches = windows.batches
            if windows.each_judged:
                self._starts = windows.starts()
                self._counts = np.zeros(self.batches)  # of use to its shape alone
        self._settings = StepSettings(self.plan, rule, l2, self._batch_of_step, self._partners)
        self._team = team_of(device, self.plan.program, staged=self._staged)
        program = self.plan.program  # arrays that are written before a run
        self._written = [flat, self._partners, self.plan.key, program.settings, program.varied]
        if windows is not None:
            self._written += [windows.order, windows.rows, windows.lengths]
        small = step_flops(network, self.plan.rows) < SMALL_FLOPS
        self._pace = Pace(undecided=n_jobs is None and machine.workers > 1 and small)
        self._rows_before = np.zeros(len(self._steps) + 1, np.int64)
        self._steps[:, records.SAMPLES].cumsum(out=self._rows_before[1:])
        self._rows_per_slice = self.plan.rows
        self.evaluations = Evaluations(network, self.plan, self.source, self._team)
        self.deadline: float | None = None  # as time.perf_counter() counts
        self.kind: tuple | None = None  # what it may be kept as

    def __enter__(self) -> Session:
        self._team.__enter__()
        return self

    def __exit__(self, *exception) -> None:
        try:
            if not any(exception):  # what is read when the device is given up
                dx = () if self.plan.dx is None else (self.plan.dx,)
                self._team.pull([*self._changing(), self.plan.gradient, *dx])
        finally:
            self._team.__exit__(*exception)

    def is_late(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and time.perf_counter() > self.deadline

    def begin(self, seed: int, batches: int, goes_on: bool = False, passes: int = 1) -> None:
        """Takes a seed of random numbers, how many batches of the training are over, and over how
        many passes schedules of noise are spread."""
        self._settings.begin(seed, batches, goes_on, passes * self.batches)

    def shuffle(self, random_state: np.random.RandomState | DrawnWindows, passes: int) -> None:
        """Draws the orders of the next passes, each from the one before."""
        if self._lengths is not None:
            for number in range(passes):
                random_state.shuffle(self._shuffled)
                self.orders[number] = self._shuffled
                self._sort(self.orders[number])
            return
        last = self._passes - 1
        for number in range(passes):
            self.orders[number] = self.orders[last]
            random_state.shuffle(self.orders[number])
            last = number

    def _sort(self, order: np.ndarray) -> None:
        """Sorts the series of each batch as they are best trained on; in place."""
        assert self._lengths is not None
        for samples in np.split(order, self._cuts):
            samples[:] = samples[dealt(self._lengths[samples])]

    def run_passes(self, rates: np.ndarray) -> np.ndarray:
        """Passes over the data in their `orders`; raises `TimeUp` if late before the end.

        Parameters
        ----------
        rates : ndarray of shape (passes * batches,) or (passes * batches, records.SCHEDULED)
            The learning rate of each step, or all that its optimizer sets for each. Where decay
            is decoupled there is one more column: the share that each step takes of the weights.

        Returns
        -------
        ndarray of shape (passes,)
            Mean over the samples of the loss as scikit-learn reports it: each batch's weighted
            mean plus its L2 term, with the weights before the step. Batches whose samples have
            no weight do not count.
        """
        self._passes = len(rates) // self.batches
        batches, steps = len(rates), len(self._steps) * self._passes // self.ahead
        if self.plan.windows is not None:
            self.plan.windows.arrange(self.orders[0])
        self._settings.set_passes(rates, self.orders[: self._passes], steps)
        weight_sums = self._weight_sums()
        sums, counts = weight_sums[:batches], self._counts[:batches]
        if self.plan.windows is not None and self.plan.windows.counts is not None:
            counts = sums
        per_batch = divided(self._run(weight_sums, steps), sums) * counts
        losses = per_batch.reshape(self._passes, -1).sum(axis=1)
        if weight_sums is self._counts:
            return losses / self.orders.shape[1]
        samples = np.where(sums != 0, counts, 0.0).reshape(self._passes, -1).sum(axis=1)
        return divided(losses, samples)

    def run_gradient(self, factor: float) -> float:
        """The loss of all samples, times `factor`, plus the L2 term; stores the gradient."""
        weight_sums = self._weight_sums()
        return float(divided(self._run(weight_sums, len(self._steps), factor), weight_sums)[0])

    def _run(self, weight_sums: np.ndarray, steps: int, factor: float = 1.0) -> np.ndarray:
        """Runs the first steps; returns each batch's sum of losses, times a factor, and terms."""
        totals, terms_of = self.plan.program.totals[:steps], self._settings
        terms_of.scale(weight_sums)
        self._team.push(self._written)
        if self._staged is not None:
            self._staged.begin(steps)
        self._run_in_slices(steps)
        self._team.pull((self.plan.program.totals,))
        losses: np.ndarray = totals[:, records.LOSS]
        if isinstance(self._batch_of_step, np.ndarray):
            losses = np.bincount(self._batch_of_step, losses, self.batches)
        losses = losses if factor == 1.0 else factor * losses
        terms = (
            (0.5 * terms_of.l2, records.SQUARES),
            (terms_of.l1, records.ABSOLUTES),
        )
        for share, term in terms:
            if share:  # else 0, even where a sum of squares is infinite
                losses = losses + share * totals[self._first_of_batch, term]
        return losses

    def _weight_sums(self) -> np.ndarray:
        """Sum of the sample weights of each batch."""
        windows = self.plan.windows
        if windows is not None and windows.counts is not None:
            return np.add.reduceat(windows.counts[windows.entries], self._starts)
        weights = self.target.counts
        if weights is None:
            return self._counts
        batches, shares = self._passes * self.batches, self._settings.shares
        sums = self._counts.copy()  # those of passes that do not run are of no use

        def of(samples):
            return np.add.reduceat(weights[samples].astype(float), self._starts[:batches])

        orders = self.orders[: self._passes].reshape(-1)
        sums[:batches] = of(orders)
        if shares is not None:
            partners = self._partners[: len(orders)]
            sums[:batches] = shares * sums[:batches] + (1 - shares) * of(partners)
        return sums

    def _run_in_slices(self, steps: int) -> None:
        """The first steps, some 0.2 s of them per compiled call; slicing changes no bit."""
        at = 0
        while at < steps:
            done, stop = self._rows_before[at], at + 1
            if stop < steps:
                stop = int(self._rows_before.searchsorted(done + self._rows_per_slice))
                stop = min(max(stop, at + 1), steps)
            together = self._pace.together()
            start = time.perf_counter()
            self._team.run(at, stop, together=together)
            seconds = max(time.perf_counter() - start, 1e-7)
            rows = int(self._rows_before[stop] - done)
            self._pace.note(rows, seconds)
            if rows:  # no faster than doubling: a short slice says little
                affordable = int(rows * SLICE_SECONDS / seconds)
                self._rows_per_slice = max(1, min(2 * self._rows_per_slice, affordable))
            at = stop
            if at < steps and self.is_late():
                raise TimeUp(
                    int(self._batch_of_step[at])
                    if isinstance(self._batch_of_step, np.ndarray)
                    else at
                )
