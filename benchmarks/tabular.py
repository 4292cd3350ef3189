"""Estimators for tables beside gradient boosting, forests and networks, all at their defaults.

    FUSEDNN_DATA=... python -m benchmarks.tabular [--methods catboost fusednn-default]
                                                  [--sets titanic] [--seeds 0 1] [--further]
    python -m benchmarks.tabular --report

Fifteen tables with fixed test parts. Every fit has a process of its own; its record, scores and
seconds, goes into the file, and only what the file lacks is run. `--times` runs again what had
other processes beside it, and `--again` everything asked for. The report ranks the methods.

    python -m benchmarks.tabular --choose 3000 --json PATH --methods catboost fusednn-default

Test parts judge what is finished. With `--choose` a part of the training rows is trained and
another judges; a seed is another such split.
"""

import argparse
import os
from pathlib import Path

from .measuring.tabular.further import FURTHER, at_hand
from .measuring.tabular.methods import METHODS, OURS
from .measuring.tabular.reading import folder
from .measuring.tabular.records import Records
from .measuring.tabular.report import show
from .measuring.tabular.runs import Runs
from .measuring.tabular.sets import SETS
from .measuring.tabular.trial import in_process

KEPT = Path(__file__).parent / "results" / "tabular.json"


def wanted(record, options):
    """Whether a run is to be done, given its record or None; `--times` repeats failures, too."""
    if record is None or options.again:
        return True
    return options.times and (record.get("loaded", True) or record["threads"] != options.threads)


def absent(methods):
    """Methods that this installation lacks, with what is missing."""
    found = {}
    for name in methods:
        package = METHODS[name].package.replace("-", "_").replace("scikit_learn", "sklearn")
        try:
            imported = __import__(package)
        except ImportError:
            found[name] = f"{package} is not installed"
            continue
        if name in OURS and not hasattr(imported, "TabularClassifier"):
            found[name] = "this fusednn has no TabularClassifier"
    return found


def line(record):
    """What a run printed."""
    title = f"{record['method']:24}{record['set']:20}{record['seed']:2}"
    if "state" in record:
        title += f" state {record['state']}"
    if "failed" in record:
        return f"{title}  failed: {record['failed']}"
    fit, predict = record["fit"], record["predict"]
    notes = [one for one in ("capped", "loaded") if record[one]]
    rate = record["rows"][1] / max(predict["wall"], 1e-9)
    return (
        f"{title}{record['first']:12.5g}{record['second']:12.5g}  fit {fit['wall']:.2f} s"
        f" ({fit['cpu']:.2f} of CPU), {rate:,.0f} rows/s, {record['peak_mb']:.0f} MB"
        f" {' '.join(notes)}"
    )


def measure(records, name, seed, method, state, options):
    """One run; once more if it compiled kernels, which the seconds shall not have."""
    asked = {"set": name, "seed": seed, "method": method}
    asked |= {"threads": options.threads, "cap": options.cap}
    if state is not None:
        asked["state"] = state
    if options.choose:
        asked["choose"] = options.choose
    found = in_process(asked)
    if found.get("compiled"):
        found = in_process(asked)
    print(line(records.add(asked, found)), flush=True)


def main():
    """Runs what is missing, then prints the report."""
    tables = SETS | FURTHER
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tabular",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=METHODS,
        default=list(METHODS),
        metavar="NAME",
        help=f"some of {', '.join(METHODS)}",
    )
    parser.add_argument(
        "--sets", nargs="+", choices=tables, metavar="NAME", help=f"some of {', '.join(tables)}"
    )
    parser.add_argument("--further", action="store_true", help="tables that no target names")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument(
        "--states",
        type=int,
        nargs="+",
        metavar="STATE",
        help="random states of the estimators, on the same split (default: the seed of the split)",
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--cap", type=float, default=600, help="seconds of a fit, at most")
    parser.add_argument("--json", type=Path, default=KEPT)
    parser.add_argument(
        "--choose", type=int, metavar="ROWS", help="judge by training rows; train so many at most"
    )
    parser.add_argument("--times", action="store_true", help="run loaded or other threads' again")
    parser.add_argument("--again", action="store_true", help="run what the file has, too")
    parser.add_argument("--report", action="store_true", help="only print what the file holds")
    options = parser.parse_args()
    if options.choose and options.json == KEPT:
        parser.error("--choose needs a file of its own, --json PATH")
    names = options.sets or (at_hand() if options.further else list(SETS))
    records = Records(options.json)
    if any(one.get("choose") != options.choose for one in records.all()):
        parser.error(f"{options.json} was begun with another --choose")
    if not options.report:
        folder()
        lacking = absent(options.methods)
        for method, reason in lacking.items():
            print(f"note: {method} left out, {reason}")
        for method in options.methods:
            for name in names if method not in lacking else ():
                for seed in options.seeds:
                    if METHODS[method].rows and len(tables[name]().frame) > METHODS[method].rows:
                        continue
                    for given in options.states or [seed]:
                        state = None if given == seed else given
                        if wanted(records.find(name, seed, method, state), options):
                            measure(records, name, seed, method, state, options)
    show(Runs(records, names, options.seeds), options.methods)


if __name__ == "__main__":
    main()
