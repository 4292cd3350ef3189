"""The table of a comparison: a line for each network, two columns for each peer."""

from .rounds import OURS


def header(first, peers):
    """The table's first line; `first` names its first column."""
    columns = "".join(f"{peer + ' us (best)':>24}{'ratio':>7}" for peer in peers)
    return f"{first:24}{'fusednn us (best)':>20}{'GFLOP/s':>9}{'of peak':>9}{columns}"


def line(title, flops, times, peak, peers):
    """The line of one network.

    Parameters
    ----------
    title : str
    flops : int
        Operations that the times are for.
    times : dict
        For each contestant microseconds, as `rounds.summary` has them.
    peak : float
        GFLOP/s.
    peers : sequence of str
        The columns; one that is not in `times` stays empty.

    Returns
    -------
    str
    """
    ours = times[OURS]
    rate = flops / ours["median"] / 1e3

    def pair(found):
        return f"{found['median']:.1f} ({found['best']:.1f})"

    text = f"{title:24}{pair(ours):>20}{rate:9.1f}{rate / peak:9.0%}"
    for peer in peers:
        if peer in times:
            text += f"{pair(times[peer]):>24}{times[peer]['median'] / ours['median']:7.2f}"
        else:
            text += f"{'-':>24}{'-':>7}"
    return text
