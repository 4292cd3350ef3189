"""Where a method of fusednn stands against its targets, in sentences."""

import numpy as np

from .ranks import interval, mean_known, ranks_of
from .reproduced import summary

BAR = "catboost"
"""The peer whose wins and seconds count."""

SMALL = 10_000, 20_001
"""Rows below which tables count in sums of their own."""

LARGE = 10_000
"""Rows above which a fast fit is held against LightGBM's."""


def verdict(runs, peers, method):
    """Yields sentences.

    Parameters
    ----------
    runs : Runs
    peers : sequence of str
    method : str
        One of fusednn's.

    Yields
    ------
    str
    """
    for metric, title in (("first", "first metric"), ("second", "log-loss / RMSE")):
        yield from _rank(runs, peers, method, metric, title)
        wins = [(peer, *runs.wins(method, peer, metric)) for peer in peers]
        told = [f"{peer} on {ahead} of {of}" for peer, ahead, of in wins if of]
        if told:
            yield f"{title}: ahead of {', '.join(told)}"
    yield from _sums(runs, method)
    if method == "fusednn-fast" and "lightgbm" in peers:
        yield from _beside_lightgbm(runs, method, "lightgbm")
    if method == "fusednn-realmlp" and "realmlp-td" in peers:
        yield from summary(runs, method, "realmlp-td")
    yield from _largest(runs, method)


def _rank(runs, peers, method, metric, title):
    if not peers:
        return
    found = ranks_of(runs, [*peers, method], metric)
    ours = found[:, -1]
    means = mean_known(found[np.isfinite(ours)][:, :-1], 0)
    if np.isnan(means).all():
        return
    peer = int(np.nanargmin(means))
    lead = "{:+.2f} [{:+.2f}, {:+.2f}]".format(*interval(found[:, peer] - ours))
    sizes = np.isfinite(found).sum(axis=1)
    last = [
        one for one, rank, size in zip(runs.names, ours, sizes, strict=True) if rank > size - 2
    ]
    yield (
        f"{title}: {lead} ranks ahead of {peers[peer]}, the best peer;"
        f" among the last two on {', '.join(last) or 'no table'}"
    )


def _sums(runs, method):
    clock = runs.clock([method, BAR])
    ours, bar, rows = runs.seconds(method, clock), runs.seconds(BAR, clock), runs.rows()
    for below in (np.inf, *SMALL):
        known = np.isfinite(ours) & np.isfinite(bar) & (rows < below)
        if known.any():
            yield (
                f"{known.sum()} tables{'' if below == np.inf else f' below {below:,} rows'}:"
                f" {ours[known].sum():.1f} {clock} seconds, {bar[known].sum():.1f} of {BAR},"
                f" {ours[known].sum() / bar[known].sum():.2f} times"
            )


def _beside_lightgbm(runs, method, peer):
    clock = runs.clock([method, peer])
    ratios = runs.seconds(method, clock) / runs.seconds(peer, clock)
    known = np.isfinite(ratios) & (runs.rows() > LARGE)
    if known.any():
        found = zip(np.array(runs.names)[known], ratios[known], strict=True)
        each = ", ".join(f"{name} {ratio:.1f}" for name, ratio in found)
        yield f"{clock} seconds over those of {peer}: {each}"


def _largest(runs, method):
    kept = runs.of(method)
    if not kept:
        return
    found = max(kept, key=lambda one: sum(one["rows"]))
    rate = found["rows"][1] / found["predict"]["wall"]
    yield (
        f"{found['set']}, {found['rows'][0]:,} rows to train: {found['fit']['wall']:.1f} s, peak"
        f" {found['peak_mb']:.0f} MB above what was there, {rate:,.0f} predicted rows a second"
    )
