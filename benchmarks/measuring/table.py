"""The table of a comparison: a line for each network, two columns for each peer."""

from .report import write
from .rounds import OURS


def show(title, first, report, results, times, options):
    """Prints the table of all results; returns the peak.

    Parameters
    ----------
    title : str
        Title of the table.
    first : str
        Name of the first column.
    report : dict
        What `report.begin` returned.
    results : list of dict
        With "network", "flops", "peaks", and the summaries of all contestants at the key `times`.
    times : str
    options : Namespace
    """
    found = {name: None for result in results for name in result[times] if name != OURS}
    peak = max(max(result["peaks"]) for result in results)
    print(
        f"{title}, {options.dtype}, {options.threads} threads, medians of {options.repeats}"
        f" rounds, ratios of medians (peer / fusednn); multiply-add peak {peak:.0f} GFLOP/s;"
        f" load before the run {report['load']}"
    )
    print(header(first, found))
    for result in results:
        print(line(result["network"], result["flops"], result[times], peak, found))
    return peak


def finish(title, first, report, results, times, options):
    """`show`, then writes the report and the results to the file of the options."""
    peak = show(title, first, report, results, times, options)
    write(options.json, report | {"peak_gflops": peak, "results": results})


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
        Operations per timed step or call.
    times : dict
        For each contestant, a `rounds.summary` of microseconds.
    peak : float
        GFLOP/s.
    peers : sequence of str
        The columns; a peer that is not in `times` has an empty one.

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
