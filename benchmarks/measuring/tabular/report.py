"""What the records say: scores, seconds, mean ranks, and the targets they are held to."""

import numpy as np

from . import reproduced
from .methods import OURS, PEERS
from .ranks import interval, ranks_of
from .scores import FIRST
from .verdicts import BAR, verdict


def show(runs, methods):
    """Prints all of it in Markdown.

    Parameters
    ----------
    runs : Runs
    methods : sequence of str
    """
    present = [one for one in methods if runs.of(one) or runs.failures(one)]
    if not present:
        print("there are no records")
        return
    parts = (*(runs.of_one_seed() if len(runs.seeds) > 1 else ()), runs)
    for metric, title in (("first", "First metric"), ("second", "Log-loss, or RMSE again")):
        for part in parts:
            _scores(part, present, metric, f"{title}, {_seeds(part)}")
    _seconds(runs, present)
    for method in present:
        for one in runs.failures(method):
            print(f"\n{method} failed on {one['set']}, seed {one['seed']}: {one['failed']}")
    for part in parts:
        _ranks(part, present)
    head, rows = reproduced.rows(runs, "fusednn-realmlp", "realmlp-td")
    if rows:
        print("\n### The published recipe beside its library, by the first metric\n")
        _table(head, rows)
    for method in present:
        if method in OURS:
            print(f"\n{method}:")
            for sentence in verdict(runs, [one for one in present if one in PEERS], method):
                print(f"- {sentence}")


def _seeds(runs):
    if len(runs.seeds) == 1:
        return f"seed {runs.seeds[0]}"
    return f"means over seeds {', '.join(map(str, runs.seeds))}"


def _table(head, rows):
    print(f"| {' | '.join(head)} |")
    print(f"|{' --- |' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def _scores(runs, methods, metric, title):
    print(f"\n### {title}\n")
    rows = []
    for name in runs.names:
        found = [runs.of(method, name) for method in methods]
        failed = [{one["set"] for one in runs.failures(method)} for method in methods]
        kinds = [one["task"] for each in found for one in each]
        if not kinds:
            continue
        means = [np.mean([one[metric] for one in each]) if each else np.nan for each in found]
        large = metric == "first" and kinds[0] != "numbers"
        best = np.nanmax(means) if large else np.nanmin(means)
        unit = FIRST[kinds[0]] if large or kinds[0] == "numbers" else "log-loss"
        marks = [" failed" if name in one else "" for one in failed]
        cells = (_number(mean, best) + mark for mean, mark in zip(means, marks, strict=True))
        rows.append([name, unit, *cells])
    _table(["table", "metric", *methods], rows)


def _number(value, best):
    if np.isnan(value):
        return ""
    text = f"{value:.4g}"
    if abs(value) < 1 or abs(value) >= 10_000:
        text = f"{value:.4f}" if abs(value) < 1 else f"{value:.0f}"
    return f"**{text}**" if value == best else text


def _seconds(runs, methods):
    clock = runs.clock(methods)
    kind = {"wall": "Seconds", "cpu": "CPU seconds (other processes ran beside)"}[clock]
    print(f"\n### {kind} of a fit, means over seeds; + is a fit that its cap ended\n")
    columns = []
    for method in methods:
        capped = {one["set"] for one in runs.of(method) if one["capped"]}
        cells = zip(runs.names, runs.seconds(method, clock), strict=True)
        columns.append(
            ["" if np.isnan(s) else f"{s:.3g}{'+' if name in capped else ''}" for name, s in cells]
        )
    _table(["table", *methods], zip(runs.names, *columns, strict=True))


def _ranks(runs, present):
    peers = [one for one in present if one in PEERS]
    print(f"\n### Mean ranks, {_seeds(runs)}\n")
    print("Peers among themselves; each method of fusednn alone beside them. In brackets is the")
    print("bootstrap interval over the tables, from 5 to 95 %. Failed runs rank last.\n")
    rows = []
    for method in present:
        field = peers if method in PEERS else [*peers, method]
        failed = len(runs.failures(method))
        cells = []
        for metric in ("first", "second"):
            found = ranks_of(runs, field, metric)[:, field.index(method)]
            known = np.isfinite(found).any()
            cells.append("{:.2f} [{:.2f}, {:.2f}]".format(*interval(found)) if known else "")
        wins = [runs.wins(method, BAR, metric) for metric in ("first", "second")]
        cells += ["" if method == BAR else f"{ahead} of {of}" for ahead, of in wins]
        rows.append([method, str(int(np.isfinite(found).sum())), str(failed or ""), *cells])
    head = ["failed", "first metric", "log-loss / RMSE", f"ahead of {BAR}, first", "second"]
    _table(["method", "tables", *head], rows)
