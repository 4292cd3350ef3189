"""Where a method of fusednn stands against its targets, in sentences."""

import numpy as np

from .ranks import interval, mean_known, ranks_of

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
        yield f"{title}: ahead of " + ", ".join(f"{p} on {n} of {of}" for p, n, of in wins if of)
    yield from _sums(runs, method)
    if method == "fusednn-fast" and "lightgbm" in peers:
        yield from _beside_lightgbm(runs, method, "lightgbm")
    if method == "fusednn-realmlp" and "realmlp-td" in peers:
        yield from _reproduced(runs, method, "realmlp-td")
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


def _reproduced(runs, method, peer):
    """The peer's deviation over the seeds holds that of the test parts, too, where they differ."""
    errors = runs.errors([method, peer], "first")
    known = np.isfinite(errors).all(axis=(1, 2))
    if errors.shape[1] > 1 and known.any():
        spread = errors[known, :, 1].std(axis=1, ddof=1)
        apart = (errors[known, :, 0] - errors[known, :, 1]).mean(axis=1)
        within = int((np.abs(apart) <= spread).sum())
        names = np.array(runs.names)[known]
        behind = ", ".join(names[apart > spread]) or "no table"
        yield f"within a deviation of {peer} on {within} of {len(names)}; behind it on {behind}"
    clock = runs.clock([method, peer])
    ratios = runs.seconds(method, clock) / runs.seconds(peer, clock)
    if np.isfinite(ratios).any():
        yield (
            f"{clock} seconds over those of {peer}: median {np.nanmedian(ratios):.2f},"
            f" largest {np.nanmax(ratios):.2f}"
        )


def _largest(runs, method):
    found = max(runs.of(method), key=lambda one: sum(one["rows"]))
    rate = found["rows"][1] / found["predict"]["wall"]
    yield (
        f"{found['set']}, {found['rows'][0]:,} rows to train: {found['fit']['wall']:.1f} s, peak"
        f" {found['peak_mb']:.0f} MB above what was there, {rate:,.0f} predicted rows a second"
    )
