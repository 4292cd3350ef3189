"""Whether a preset reproduces the scores of the library whose recipe it follows, and in what time.

Two splits of a table differ by more than two fits do, so the deviation is that of the peer's
random states on one split. The preset reproduces a table where its error, the mean over its own
states there, is at most one such deviation above the peer's mean; being better by more is no miss.
Where the peer has one state on every split its deviation is not known, and only a lower error
counts.
"""

from typing import NamedTuple

import numpy as np

from .ranks import error_of
from .sets import OWN_PARTS

QUARTER = 0.25
"""The share of the peer's seconds that a fit may take."""


class Pair(NamedTuple):
    """A preset beside its original on one table.

    Attributes
    ----------
    name : str
        The table.
    ours, theirs : float
        Errors by the first metric, means over splits of the means over states.
    deviation : float
        The peer's over states on a split, pooled over the splits; NaN where each split has one.
    degrees : int
        Degrees of freedom of this deviation.
    ratio : float
        CPU seconds of a fit over the peer's.
    """

    name: str
    ours: float
    theirs: float
    deviation: float
    degrees: int
    ratio: float

    @property
    def holds(self):
        """Whether the table counts as reproduced."""
        return self.ours - self.theirs <= (self.deviation if self.degrees else 0)


def pairs(runs, method, peer):
    """What both methods have been run on.

    Parameters
    ----------
    runs : Runs
    method, peer : str

    Returns
    -------
    list of Pair
    """
    found = (_pair(runs, name, method, peer) for name in runs.names)
    return [one for one in found if one is not None]


def _pair(runs, name, method, peer):
    splits = [_both(runs, name, [seed], method, peer) for seed in runs.seeds]
    if name in OWN_PARTS:  # every seed has the same split, so seeds are states
        splits = [_both(runs, name, runs.seeds, method, peer)]
    splits = [one for one in splits if all(one)]
    if not splits:
        return None
    ours, theirs = ([_errors(one[side]) for one in splits] for side in (0, 1))
    degrees = sum(len(one) - 1 for one in theirs)
    squares = sum(((one - one.mean()) ** 2).sum() for one in theirs)
    spent = [np.mean([r["fit"]["cpu"] for one in splits for r in one[side]]) for side in (0, 1)]
    return Pair(
        name,
        np.mean([one.mean() for one in ours]),
        np.mean([one.mean() for one in theirs]),
        np.sqrt(squares / degrees) if degrees else np.nan,
        degrees,
        spent[0] / spent[1],
    )


def _both(runs, name, seeds, method, peer):
    """Records of both methods on one split, whatever their random states."""
    return [
        [record for seed in seeds for record in runs.records.states(name, seed, one)]
        for one in (method, peer)
    ]


def _errors(records):
    return np.array([error_of(one, "first") for one in records])


def summary(runs, method, peer):
    """Yields sentences about all tables."""
    found = pairs(runs, method, peer)
    if not found:
        return
    held = [one.name for one in found if one.holds]
    missed = [one.name for one in found if not one.holds]
    unknown = [one.name for one in found if not one.degrees]
    yield (
        f"reproduces {peer} on {len(held)} of {len(found)} tables; not on"
        f" {', '.join(missed) or 'none'}; deviation unknown on {', '.join(unknown) or 'none'}"
    )
    ratios = np.array([one.ratio for one in found])
    cheap = int((ratios <= QUARTER).sum())
    yield (
        f"CPU seconds over those of {peer}: median {np.median(ratios):.2f}, largest"
        f" {ratios.max():.2f}; at most a quarter on {cheap} of {len(found)}"
    )


def rows(runs, method, peer):
    """Rows of a table of all of it, and its head."""
    head = ["table", method, peer, "deviation", "degrees", "reproduced", "CPU seconds, ratio"]
    lines = []
    for one in pairs(runs, method, peer):
        deviation = f"{one.deviation:.2g}" if one.degrees else ""
        verdict = "yes" if one.holds else "no"
        scores = (f"{abs(value):.4g}" for value in (one.ours, one.theirs))
        lines.append([one.name, *scores, deviation, str(one.degrees), verdict, f"{one.ratio:.2f}"])
    return head, lines
