"""Fits of generative adversarial networks: checked data, two optimizers, fitted attributes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from fusednn.estimators.fitting.callbacks import watched
from fusednn.estimators.fitting.randoms import random_state_of
from fusednn.estimators.input.steps import axes_of
from fusednn.estimators.network.first_samples import FirstSamples
from fusednn.exceptions import DiagnosisWarning
from fusednn.graph.network import Network
from fusednn.kernels.ops.game_losses import GAME_LOSSES
from fusednn.losses import REGRESSION
from fusednn.optimizers import Adam
from fusednn.plan.game_buffers import Player
from fusednn.schedules import Cosine
from fusednn.training.fits import digest_of
from fusednn.training.games.game import Game, GameOptions
from fusednn.training.games.game_fit import fit_game
from fusednn.training.games.shown import Pass
from fusednn.training.optimizer_state import OptimizerState, rule_of
from fusednn.training.progress import NonFiniteError
from fusednn.training.warn import warn_user

from .game_classes import numbers_of
from .game_lists import are_images, range_of
from .game_options import (
    AUTO_ROWS,
    AUTO_STEPS,
    MIDDLE,
    PENALTY,
    bounds_of,
    check_options,
    check_schedules,
    check_spectral,
    rates_of,
    warn_of_range,
)
from .game_parts import check_penalty, halves, paired_players, set_scaling, with_output
from .game_troubles import troubles_of
from .lists import BuiltLayers
from .paired import SOLVERS, PairedNetwork, dense

if TYPE_CHECKING:
    from fusednn.layers import Layer

NON_FINITE = (
    "The weights stopped being finite in the first pass: lower the learning rates, or scale the"
    " data."
)


class PlayedNetwork(PairedNetwork):
    """Base class of generative adversarial networks; not for direct use."""

    generator_layers_: tuple[Layer, ...]
    discriminator_layers_: tuple[Layer, ...]
    history_: dict[str, list[float]]
    _list_names = "generator", "discriminator"
    _reads_noise: ClassVar[bool] = True
    _is_game = True
    _shaping = "generator", "discriminator", "latent"

    # -- structure -----------------------------------------------------------------------

    @property
    def _n_classes(self):
        return len(getattr(self, "_class_list", ()))

    @property
    def _ends(self):
        """The columns of the network in files: noise and class, then outputs."""
        return int(self._inputs()), max(1, self._n_classes)

    def _inputs(self) -> int:
        """The numbers that the generator gets."""
        return self.latent + self._n_classes

    def _specs(self):
        return list(self.discriminator or ())

    @property
    def _built_layers(self):
        """The layers that read X."""
        return BuiltLayers(self._pair.built.pieces[self._pair.first :], ())

    def _asked(self):
        generator, discriminator = super()._asked()
        outputs = max(1, self._n_classes)
        return generator, with_output(discriminator, axes_of(self), outputs)

    def _pair_of(self, lists):
        generator, discriminator = lists
        images = are_images(axes_of(self))
        scaled = images and self.generator is None, images and self.discriminator is None
        check_schedules("generator", generator)
        check_schedules("discriminator", discriminator)
        pair = paired_players(
            *(generator, discriminator, self._inputs(), axes_of(self), self.instance_noise, scaled)
        )
        if self._penalty():
            check_penalty(lists[1], halves(pair)[1], self.discriminator is None)
        if self.spectral_norm:
            check_spectral(lists[1])
        return pair

    def _build(self, samples, random_state):
        super()._build(samples, random_state)
        middle, half = range_of(samples.X)
        set_scaling(self._pair, self._arrays, middle, half)
        if self.generator is not None:
            warn_of_range(halves(self._pair)[0], middle, half)

    def _penalty(self) -> float:
        """The factor of the gradient penalty."""
        if self.penalty is not None:
            return float(self.penalty)
        is_plain = self.discriminator is None and len(axes_of(self)) == 1
        is_bounded = self.spectral_norm or self.loss == "wasserstein"
        return PENALTY if is_plain and not self.instance_noise and not is_bounded else 0.0

    # -- for files -----------------------------------------------------------------------

    def _lowered_loss(self):
        return "squared_error", ()

    def _loss(self):
        return REGRESSION["squared_error"]

    def _outputs_per_target(self):
        return 1

    def _described_solver(self):
        return Adam(0.5) if self.solver == "adam" else SOLVERS.get(self.solver, self.solver)

    # -- fitting -------------------------------------------------------------------------

    def _play(self, X, y, incremental):
        return self._or_as_before(lambda: self._played(X, y, incremental))

    def _initialized(self, X, y):
        return self._or_as_before(lambda: self._begun(X, y, first=True))

    def _or_as_before(self, change):
        """Calls a function that changes the estimator; restores its state if that fails."""
        before = self.__dict__.copy()
        try:
            change()
        except BaseException:
            own = {name: value for name, value in vars(self).items() if "callback" in name}
            self.__dict__.clear()
            self.__dict__.update(before | own)
            raise
        return self

    def _begun(self, X, y, first):
        """Checked X in its own type and numbers of classes; `first`: of a new network."""
        check_options(self)
        X = dense(self._checked_rows(X, reset=first))
        codes = self._classes_of(X, y, first)
        random_state = random_state_of(self.random_state)
        if first:
            for name in ("_optimizer", "_judgements"):
                self.__dict__.pop(name, None)
            self.history_ = {name: [] for name in Pass._fields}
            self.n_iter_ = self.t_ = 0
            self.n_outputs_, self.out_activation_ = max(1, self._n_classes), "identity"
            self._build(FirstSamples(X), random_state)
        else:
            self._taken(self._check_sizes(X.shape[1]))
        return X, codes, random_state

    def _played(self, X, y, incremental):
        given = X, y
        first = not self._is_built() or (not self.warm_start and not incremental)
        X, codes, random_state = self._begun(X, y, first)
        X = np.ascontiguousarray(X, self._network_dtype())
        game, optimizers = self._game(X, codes, incremental)
        game.begin(random_state)
        history = {name: list(values) for name, values in self.history_.items()}
        with watched(self, *given, None) as watcher:
            try:
                arrays = fit_game(
                    game,
                    history,
                    max_iter=1 if incremental else self._passes(game),
                    max_time=self.max_time,
                    verbose=self.verbose,
                    watcher=watcher or self._watcher,
                )
            except NonFiniteError:
                raise ValueError(NON_FINITE) from None
        self.n_iter_ = len(history["push"]) - len(self.history_["push"])
        self.t_ += len(X) * self.n_iter_
        self._arrays, self.history_ = arrays, history
        self._keep(game, optimizers, arrays)
        if self.diagnose:
            for message in troubles_of(history):
                warn_user(message, DiagnosisWarning)

    def _classes_of(self, X, y, first):
        """The numbers of the samples' classes, or None without y."""
        if first:
            self.__dict__.pop("_class_list", None)
        if y is None:
            if self._n_classes:
                raise ValueError("y is None, but the network was fitted to classes.")
            return None
        y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        check_classification_targets(y)
        if first:
            self._class_list = np.unique(y).tolist()
        elif not self._n_classes:
            raise ValueError("y has classes, but the network was fitted without.")
        return self._numbers_of(y)

    def _numbers_of(self, y):
        return numbers_of(self._class_list, y)

    def _rows_of_batch(self, samples: int, incremental: bool) -> int:
        if self.batch_size == "auto":
            return min(AUTO_ROWS, samples)
        if incremental:  # the last chunk of a stream may be small
            return min(self.batch_size, samples)
        if self.batch_size > samples:
            raise ValueError(f"batch_size={self.batch_size} is more than the {samples} samples.")
        return int(self.batch_size)

    def _passes(self, game) -> int:
        if self.max_iter != "auto":
            return self.max_iter
        return max(1, AUTO_STEPS[len(axes_of(self)) > 1] // game.steps)

    def _schedule(self, incremental):
        """How the learning rates change."""
        if self.learning_rate != "cosine":
            return self.learning_rate
        return "constant" if incremental else Cosine()

    def _game(self, X, codes, incremental):
        """The game to play, with the state that the last one left."""
        maker, judge = halves(self._pair)
        solver = self._described_solver()
        rule = rule_of(solver)._replace(average=float(self.ema_decay or 0.0))
        row = GAME_LOSSES[self.loss]
        players = (
            Player(Network(maker, "squared_error"), rule),
            Player(
                Network(judge, row, loss_constants=(1.0 - self.label_smoothing, 0.0)),
                rule._replace(average=0.0),
            ),
        )
        before = getattr(self, "_optimizer", None)
        if before is not None and before.solver != solver:
            before = None
        plain, schedule = rule_of(solver), self._schedule(incremental)
        own, other = rates_of(self, axes_of(self))
        optimizers = (
            OptimizerState(solver, plain, own, schedule, 0.5),
            OptimizerState(solver, plain, other, schedule, 0.5),
        )
        if before is not None:
            for optimizer, t in zip(optimizers, (before.t, self._judgements), strict=True):
                optimizer.t, optimizer.passes = t, before.passes
        options = GameOptions(
            self._rows_of_batch(len(X), incremental),
            self.discriminator_steps,
            self.latent,
            bounds_of(self, self._penalty()),
            MIDDLE[self.loss],
        )
        game = Game(*players, X, codes, optimizers, options, self.n_jobs, self.device)
        for optimizer, steps in zip(optimizers, (1, self.discriminator_steps), strict=True):
            optimizer.total = optimizer.t + self._passes(game) * game.steps * steps
        served, trained = self._typed_parameters(), None
        moments = () if before is None else before.moments
        if before is not None and before.raw is not None:
            raw, known = before.raw
            trained = raw if known == digest_of(served) else None
        game.plan.load(served, moments, trained)
        return game, optimizers

    def _keep(self, game, optimizers, arrays):
        """Keeps what another fit continues from."""
        own, judge = optimizers
        own.moments = [game.plan.layout.unpack(flat) for flat in game.plan.states]
        if len(game.plan.averages) or game.plan.scaled:
            own.raw = game.plan.layout.unpack(game.plan.parameters), digest_of(arrays)
        self._optimizer, self._judgements = own, judge.t

    # -- answers -------------------------------------------------------------------------

    def _given(self, numbers, codes):
        """What the generator gets: noise, and the class."""
        if codes is None:
            return numbers
        return np.hstack([numbers, np.eye(self._n_classes, dtype=numbers.dtype)[codes]])
