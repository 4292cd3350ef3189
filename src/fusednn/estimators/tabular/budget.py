"""Fits the work into a time limit: fewer epochs first, then fewer families, then fewer folds.

Also says what is kept of work that Ctrl-C ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fusednn.training.warn import warn_user

from .members import Job, Trained

ROWS = 4096
"""A trial of a family's speed trains on at most so many rows."""
TRIAL_EPOCHS = 2
SHARE = 0.9
"""The share of the time that is planned."""
FEW = 8
"""Networks that would get fewer epochs get none, if there are others."""


def within(
    jobs: Sequence[Job], paces: Mapping[str, float], seconds: float, threads: int
) -> list[Job]:
    """
    The networks and epochs for which there is time; at least one network of one epoch.

    Parameters
    ----------
    jobs : sequence of Job
        What is to be trained, the most important first.
    paces : mapping from str to float
        Seconds of an epoch of a network of each family.
    seconds : float
        The time left.
    threads : int
        Networks that train at the same time.
    """
    found = list(jobs)
    while True:
        work = sum(paces[job.recipe.family] * job.epochs for job in found)
        rounds = -(-len(found) // threads)  # the last round may be of fewer networks
        share = SHARE * seconds * len(found) / rounds / max(work, 1e-12)
        if share >= 1:
            return found
        if len(found) == 1 or all(share * job.epochs >= min(FEW, job.epochs) for job in found):
            return [job._replace(epochs=max(1, int(share * job.epochs))) for job in found]
        families = {job.recipe.family for job in found}
        last = found[-1].recipe.family
        found = (
            [job for job in found if job.recipe.family != last]
            if len(families) > 1
            else (found[:-1])
        )


def check_whole(found: Sequence[Trained], jobs: Sequence[Job]) -> None:
    """
    Warn that Ctrl-C has ended a fit whose networks make an ensemble.

    Parameters
    ----------
    found : sequence of Trained
        The networks that were ready.
    jobs : sequence of Job
        What was to be trained.

    Raises
    ------
    KeyboardInterrupt
        If no family has a network for each fold, so some rows would have no say.
    """
    folds: dict[str, set[int]] = {}
    for one in found:
        folds.setdefault(one.job.recipe.family, set()).add(one.job.fold)
    if {job.fold for job in jobs} not in folds.values():
        raise KeyboardInterrupt
    warn_user(
        f"Training interrupted by user. The ensemble is of the {len(found)} networks that were"
        f" ready, of {len(jobs)}."
    )


class TooShort(ValueError):
    """
    The error of a limit below one epoch of one network.

    Parameters
    ----------
    limit, needed : float
        Seconds.
    option : str, default="time_limit="
        What the message begins with, before the limit.
    """

    def __init__(self, limit: float, needed: float, option: str = "time_limit="):
        super().__init__(
            f"{option}{limit:g} is too short for one epoch of one network, which would end after"
            f" {needed:.2g} s: give more seconds, or fewer rows."
        )
        self.limit, self.needed, self.option = limit, needed, option

    def __reduce__(self):
        """Processes of joblib pass errors on as pickles."""
        return type(self), (self.limit, self.needed, self.option)
