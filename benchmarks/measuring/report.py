"""What the scripts share: options, and results in files, written whole after every piece."""

import argparse
import json
import sys
from pathlib import Path

from .environment import describe

SAME = ("cpu", "commit", "versions")
"""What two runs must have in common beside their conditions to share a file."""

OWN = ("json", "draw", "child", "scratch", "what", "most", "batches", "widths")
"""Options that are no conditions: where results go, and which of them are wanted."""


def parser(doc, repeats, seconds=None, peers=None, threads=2):
    """The command line with the options that most scripts have.

    Parameters
    ----------
    doc : str
        The script's docstring.
    repeats : int
        Default number of rounds.
    seconds : float, optional
        Default length of a run; without it there is no such option.
    peers : str, optional
        Default peers; without it there is no such option.
    threads : int or None, default=2
        Default number of threads; with None there is no such option.

    Returns
    -------
    ArgumentParser
    """
    made = argparse.ArgumentParser(description=doc.partition("\n")[0])
    if threads is not None:
        made.add_argument("--threads", type=int, default=threads)
    made.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    made.add_argument("--repeats", type=int, default=repeats, help="rounds")
    if seconds is not None:
        made.add_argument("--seconds", type=float, default=seconds, help="of one run, about")
    if peers is not None:
        made.add_argument("--peers", default=peers, help=f"of {peers}; '' for none")
    made.add_argument("--json", type=Path, help="where to write every round's times")
    return made


def begin(options, **more):
    """A new report: the machine, the options that are conditions, and `more`."""
    conditions = {key: value for key, value in vars(options).items() if key not in OWN}
    return describe(**conditions | more)


def write(path, report):
    """Writes a report as JSON; no path, no file."""
    if path is not None:
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def read(path):
    """The report that a file holds."""
    return json.loads(path.read_text(encoding="utf-8"))


def resume(options, **more):
    """The report that `options.json` holds already, or a new one as `begin` makes it.

    A report of other conditions, another machine, another commit or other versions is refused.
    """
    new = begin(options, **more)
    if options.json is None or not options.json.exists():
        return new
    kept = read(options.json)
    conditions = new.keys() - {"cpus", "load", "date", "system", "python"}
    for key in sorted({*SAME, *conditions}):
        if kept.get(key) != new[key]:
            sys.exit(
                f"{options.json} has {key} {kept.get(key)}, this run {new[key]}; use another file"
            )
    return kept
