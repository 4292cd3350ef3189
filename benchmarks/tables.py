"""Costs of reading a table: `fusednn fit` of one epoch and `fusednn predict`, in new processes.

    python -m benchmarks.tables kddcup.data_10_percent.gz --target 41 [--rows 100000]

Prints seconds, CPU seconds and peak memory of the whole process, also for reading alone. Each runs
`--repeats` times; the fastest run is shown. The network is small, so that the table is most of the
work.
"""

import argparse
import gzip
import os
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

COMMAND = "import sys; from fusednn.command.main import main; sys.exit(main())"
READ = """
import sys
from pathlib import Path
from fusednn.tables.reading.table_reader import read_table
read_table(Path(sys.argv[1]))
"""


def shortened(path, rows, folder):
    """Copies the first rows of a file, with the same compression."""
    opened = gzip.open if path.suffix == ".gz" else open
    short = Path(folder) / path.name
    with opened(path, "rb") as whole, opened(short, "wb") as part:
        part.writelines(islice(whole, rows))
    return short


def measured(code, *arguments):
    """Seconds, CPU seconds, and peak MB of a process."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"{arguments[0]} failed")
    seconds = time.perf_counter() - start
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main():
    """Prints a line for reading, `fit` and `predict`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tables", description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("--target", required=True)
    parser.add_argument("--rows", type=int, help="use only the first rows; default: all")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = options.table
        if options.rows is not None:
            table = shortened(table, options.rows, folder)
        model, out = Path(folder) / "m.st", Path(folder) / "out.csv"
        network = "--epochs", 1, "--layers", 8, "--batch", 1000, "--jobs", 1
        runs = {
            "read": (READ, table),
            "fit": (COMMAND, "fit", table, "--target", options.target, "-o", model, *network),
            "predict": (COMMAND, "predict", model, table, "-o", out, "--jobs", 1),
        }
        for name, (code, *arguments) in runs.items():
            seconds, work, memory = min(measured(code, *arguments) for _ in range(options.repeats))
            print(
                f"{name:<8} {seconds:7.2f} s, {work:7.2f} s of CPU, {memory:6.0f} MB", flush=True
            )


if __name__ == "__main__":
    main()
