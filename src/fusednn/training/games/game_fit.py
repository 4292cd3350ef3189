"""The passes of adversarial training: stopping, showing, and what is kept if it diverges."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np

from fusednn.training.progress import NonFiniteError, Watcher, warn_unconverged
from fusednn.training.warn import warn_user

from .game import Game, Pass

DIVERGED = (
    "The weights stopped being finite after pass {}: training ends, and the weights of that pass"
    " are kept. Lower the learning rates, or scale the data."
)


class GameProgress(NamedTuple):
    """What a watcher is shown after a pass.

    Parameters
    ----------
    n_iter : int
    loss : float
        The generator's.
    loss_curve : list of float
    """

    n_iter: int
    loss: float
    loss_curve: list[float]


def fit_game(
    game: Game,
    history: dict[str, list[float]],
    *,
    max_iter: int,
    max_time: float | None,
    verbose: bool | int,
    watcher: Watcher | None,
) -> list[np.ndarray]:
    """Trains for `max_iter` passes; appends to the history, and returns the parameters.

    Raises
    ------
    NonFiniteError
        If the weights stop being finite in the first pass.
    """
    start = time.perf_counter()
    kept = game.state()

    def is_late() -> bool:
        return max_time is not None and time.perf_counter() - start > max_time

    try:
        with game:
            for number in range(max_iter):
                if watcher is not None:
                    watcher.begin()
                found = game.run_pass(is_late)
                if not game.is_finite():
                    game.restore(kept)
                    if not number:
                        raise NonFiniteError
                    warn_user(DIVERGED.format(number))
                    break
                if found is None:
                    warn_unconverged(f"Maximum time ({max_time} s)")
                    break
                kept = game.state()
                _note(history, found)
                if verbose:
                    _print(number + 1, found)
                if watcher is not None and watcher.end(_shown(history), game.plan.served):
                    break
                if is_late() and number + 1 < max_iter:
                    warn_unconverged(f"Maximum time ({max_time} s)")
                    break
    except KeyboardInterrupt:
        if not game.is_finite():
            game.restore(kept)
        warn_user("Training interrupted by user.")
    return game.plan.served()


def _note(history: dict[str, list[float]], found: Pass) -> None:
    for name, value in found._asdict().items():
        history.setdefault(name, []).append(float(value))


def _shown(history: dict[str, list[float]]) -> Any:
    curve = history["generator_loss"]
    return GameProgress(len(curve), curve[-1], curve)


def _print(number: int, found: Pass) -> None:
    print(
        f"Iteration {number}, generator loss = {found.generator_loss:.6f}, discriminator loss ="
        f" {found.discriminator_loss:.6f}, accuracy = {found.accuracy:.3f}"
    )
