"""Adversarial training: passes over the data, in which two networks are trained in turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fusednn.kernels import records
from fusednn.plan.game import GamePlan
from fusednn.plan.game_buffers import Bounds, Buffers, Player
from fusednn.schedules.powers import powers
from fusednn.training.optimizer_state import OptimizerState
from fusednn.training.session import SLICE_SECONDS, step_flops
from fusednn.training.teams import machine_of, team_of
from fusednn.training.threads.jobs import choose_jobs

from .shown import Pass, push_of, rows_of, variety_of

MOST_NOISE = 1 << 18
"""The most numbers of noise that are drawn ahead."""


class GameOptions(NamedTuple):
    """How two networks play.

    Parameters
    ----------
    batch : int
        Rows of data, and generated rows, of a judgement.
    judgements : int
        Steps of the discriminator for each step of the generator.
    latent : int
        Numbers of noise; the generator's other inputs say the class.
    bounds : Bounds
        What bounds the discriminator.
    level : float
        The output above which a row counts as judged to be of the data.
    """

    batch: int
    judgements: int
    latent: int
    bounds: Bounds
    level: float


class GameState(NamedTuple):
    """What is left after a pass: the plan's memory, and steps and passes of both optimizers."""

    flats: list[np.ndarray]
    counts: list[tuple[int, int]]


class Game:
    """Two networks that are trained in turns; a context manager that owns the threads, or the
    device.

    Parameters
    ----------
    generator, discriminator : Player
    X : ndarray of shape (n_samples, columns)
        In the networks' type; read in place.
    classes : ndarray of int64, of shape (n_samples,), or None
    optimizers : tuple of OptimizerState
        The generator's and the discriminator's; brought up to date.
    options : GameOptions
    n_jobs : int or None
    device : {"cpu", "cuda", "auto"}

    Attributes
    ----------
    steps : int
        Steps of the generator in a pass.
    plan : GamePlan
    """

    def __init__(
        self, generator: Player, discriminator: Player, X: np.ndarray,
        classes: np.ndarray | None, optimizers: tuple[OptimizerState, OptimizerState],
        options: GameOptions, n_jobs: int | None, device: str = "cpu",
    ):  # fmt: skip
        self._X, self._classes, self._optimizers, self._options = X, classes, optimizers, options
        batch, each = options.batch, options.judgements
        self.steps = max(1, len(X) // (batch * each))
        columns = generator.network.inputs
        self._ahead = max(1, min(self.steps, MOST_NOISE // (batch * each * columns)))
        self._buffers = Buffers.of(self._ahead * each, batch, columns, X.dtype)
        flops = 2 * step_flops(discriminator.network, 2 * batch)
        flops = each * flops + step_flops(generator.network, batch)
        machine = machine_of(device, lambda: choose_jobs(n_jobs, flops / 2))
        self.plan = GamePlan(
            *(generator, discriminator, X, self._buffers, batch, machine, options.bounds)
        )
        self._average, self._done = generator.rule.average, 0
        self._set_steps()
        self._team = team_of(device, self.plan.program)
        self._per_slice = 1

    def __enter__(self) -> Game:
        self._team.__enter__()
        return self

    def __exit__(self, kind, *exception) -> None:
        try:
            if kind is KeyboardInterrupt:  # what training goes on with; else it was brought before
                self._team.pull(self.plan.changing)
        finally:
            self._team.__exit__(kind, *exception)

    def begin(self, random_state: np.random.RandomState) -> None:
        """Takes the seeds of noise, of mixtures, and of random layers."""
        noise, shares, layers = random_state.randint(2**31, size=3)
        self._noise, self._mixtures = np.random.default_rng(noise), np.random.default_rng(shares)
        self.plan.key[:] = layers, self._optimizers[0].t & 0xFFFFFFFF
        self._rows_done = 0
        self._random_state = random_state
        self._order = np.arange(len(self._X))

    def _set_steps(self) -> None:
        """The rows of the step table: for each step, makings and judgements, then learning."""
        plan, batch, each = self.plan, self._options.batch, self._options.judgements
        table = []
        for number in range(self._ahead):
            for made in range(number * each, (number + 1) * each):
                table.append((made * batch, batch, *plan.make))
                table.append((made * 2 * batch, 2 * batch, *plan.judge))
                if self._options.bounds.penalty:
                    table.append((made * 2 * batch, batch, *plan.bend))
            table.append((made * batch, batch, *plan.learn))
        plan.program.set_steps(np.array(table, np.int64))
        self._per_step = len(table) // self._ahead
        first = plan.program.steps[:, records.FIRST_STAGE]
        self._judging, self._learning = first == plan.judge[0], first == plan.learn[0]
        self._updating = first == plan.bend[0] if self._options.bounds.penalty else self._judging
        settings = plan.program.settings
        settings[:, records.EPSILON_FACTOR] = 1.0
        settings[:, records.SCALE] = 1 / batch

    # -- what it leaves ------------------------------------------------------------------

    def is_finite(self) -> bool:
        """Whether all that training goes on from is finite."""
        return all(np.isfinite(flat).all() for flat in self.plan.changing)

    def state(self) -> GameState:
        """A copy of what the next pass goes on from, but for what is drawn."""
        counts = [(optimizer.t, optimizer.passes) for optimizer in self._optimizers]
        return GameState([flat.copy() for flat in self.plan.changing], counts)

    def restore(self, state: GameState) -> None:
        """Returns to an earlier state, to answer with it: no pass may follow."""
        for flat, copy in zip(self.plan.changing, state.flats, strict=True):
            flat[:] = copy
        for optimizer, (t, passes) in zip(self._optimizers, state.counts, strict=True):
            optimizer.t, optimizer.passes = t, passes

    # -- a pass --------------------------------------------------------------------------

    def run_pass(self, is_late: Callable[[], bool]) -> Pass | None:
        """One pass over the data, in a new order; None if it was late before the end."""
        self._random_state.shuffle(self._order)
        batch, each = self._options.batch, self._options.judgements
        wanted = self.steps * each * batch
        order = np.resize(self._order, wanted).reshape(-1, batch)
        right = rows = 0
        sums = np.zeros(2)
        for first in range(0, self.steps, self._ahead):
            steps = min(self._ahead, self.steps - first)
            self._fill(order[first * each : (first + steps) * each])
            self._set_rates(steps)
            self._done = 0
            try:
                self._run(steps, is_late)
            finally:  # late, or interrupted
                for optimizer, count in zip(self._optimizers, (1, each), strict=True):
                    optimizer.t -= (steps - self._done) * count
            if self._done < steps:
                self._team.pull(self.plan.changing)
                return None
            self._team.pull((self.plan.program.totals, self.plan.logits))
            losses, count = self._losses(steps), steps * each
            sums += losses
            right += self._rightly_judged(count)
            rows += 2 * batch * count
        for optimizer in self._optimizers:
            optimizer.passes += 1
        made, dmade = self.plan.made, self.plan.dmade
        self._team.pull([*self.plan.changing, made.values, dmade.values])
        loss, other = sums / batch / self.steps
        samples = order[-1]
        codes = None if self._classes is None else self._classes[samples]
        variety = variety_of(rows_of(made, batch), self._X[samples], codes)
        push = push_of(rows_of(dmade, batch))
        return Pass(loss, other / each, right / rows, variety, push)

    def _fill(self, order: np.ndarray) -> None:
        """Writes noise, samples and targets for the next steps."""
        buffers, batch, latent = self._buffers, self._options.batch, self._options.latent
        rows = order.size
        noise = buffers.noise[:rows]
        noise[:, :latent] = self._noise.standard_normal((rows, latent), noise.dtype)
        samples = order.reshape(-1)
        codes: Any = 0 if self._classes is None else 2 * self._classes[samples]
        if self._classes is not None:
            noise[:, latent:] = 0
            noise[np.arange(rows), latent + self._classes[samples]] = 1
        buffers.asked[:rows, 0] = codes + 1
        both = buffers.order[: 2 * rows].reshape(-1, 2, batch)
        both[:, 0] = order
        targets = buffers.targets[: 2 * rows].reshape(-1, 2, batch)
        targets[:] = np.reshape(codes, (-1, 1, batch) if self._classes is not None else (1, 1, 1))
        targets[:, 0] += 1
        if self._options.bounds.penalty:
            shares = buffers.shares[: 2 * rows].reshape(-1, 2, batch)
            shares[:, 0] = self._mixtures.random((len(order), batch), shares.dtype)

    def _set_rates(self, steps: int) -> None:
        """Writes rates, random streams and the averages' shares for the next steps."""
        settings, each = self.plan.program.settings, self._options.judgements
        count = steps * self._per_step
        t = self._optimizers[0].t
        kinds = (self._learning, steps), (self._updating, steps * each)
        for optimizer, (kind, number) in zip(self._optimizers, kinds, strict=True):
            chosen = np.flatnonzero(kind[:count])
            passes = optimizer.passes
            rates = optimizer.rates(number, [0])
            optimizer.passes = passes  # a pass may take several calls
            if rates.ndim == 1:
                settings[chosen, records.RATE] = rates
            else:
                settings[chosen, : rates.shape[1]] = rates
        settings[:count, records.STREAM] = self._rows_done + np.arange(count)
        self._rows_done += count
        if self._average:
            numbers = t + np.arange(1, steps + 1)
            shares = (1 - self._average) / (1 - powers(self._average, numbers))
            settings[np.flatnonzero(self._learning[:count]), records.AVERAGE] = shares

    def _run(self, steps: int, is_late: Callable[[], bool]) -> None:
        """Runs the next steps, some 0.2 s of them per call, until it is late; counts them."""
        each, program = self._per_step, self.plan.program
        self._team.push([*self._buffers, self.plan.key, program.settings])
        while self._done < steps:
            at, stop = self._done, min(steps, self._done + self._per_slice)
            start = time.perf_counter()
            self._done = stop  # Python raises an interrupt when the compiled call is over
            self._team.run(at * each, stop * each)
            seconds = max(time.perf_counter() - start, 1e-7)
            affordable = int((stop - at) * SLICE_SECONDS / seconds)
            self._per_slice = max(1, min(2 * self._per_slice, affordable))
            if stop < steps and is_late():
                break

    # -- what it shows -------------------------------------------------------------------

    def _losses(self, steps: int) -> np.ndarray:
        """The sums of the generator's losses over these steps, and of the discriminator's."""
        losses = self.plan.program.totals[: steps * self._per_step]
        kinds = self._learning, self._judging
        return np.array([losses[kind[: len(losses)], records.LOSS].sum() for kind in kinds])

    def _rightly_judged(self, judgements: int) -> int:
        """How many rows of these judgements the discriminator judged rightly."""
        rows = 2 * self._options.batch * judgements
        codes = self._buffers.targets[:rows, 0].astype(np.int64)
        own = self.plan.logits[np.arange(rows), codes // 2]
        return int(((own > self._options.level) == (codes % 2 == 1)).sum())
