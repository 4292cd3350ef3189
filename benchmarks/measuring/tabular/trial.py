"""One fit and its predictions, in a process of their own: seconds, memory, scores.

    python -m benchmarks.measuring.tabular.trial '{"set": "titanic", "method": "lightgbm", ...}'

The last line it prints is the record of `results`. The process ends with the fit, so nothing that
a library keeps reaches the next one.
"""

import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks.measuring.environment import COUNTS, FORCING
from benchmarks.memory import peak_above, resident_peak

from .further import FURTHER
from .methods import METHODS, Run
from .scores import scores
from .sets import SETS
from .splits import inner, split

GRACE = 120
"""Seconds beyond the cap for imports, reading and predictions, before a process is ended."""

LOADED = 0.15
"""CPUs in use by other processes, in the mean of a run, from which its seconds mean little."""

TICKS = 0.02
"""Seconds by which the system's count of busy seconds may be ahead, two of its ticks."""


class Clock:
    """Wall and CPU seconds of a block, and the CPUs that other processes used meanwhile."""

    def __enter__(self):
        self._start = time.perf_counter(), time.process_time(), _busy()
        return self

    def __exit__(self, *_):
        wall, cpu, busy = self._start
        self.wall = time.perf_counter() - wall
        self.cpu = time.process_time() - cpu
        after = _busy()
        self.others = None
        if busy is not None and after is not None:
            self.others = max(0.0, (after - busy - self.cpu - TICKS) / self.wall)

    def seconds(self):
        """Both, as a record has them."""
        return {"wall": round(self.wall, 4), "cpu": round(self.cpu, 4)}


def _busy():
    """CPU seconds of all processes since the system began; None where it does not say."""
    try:
        line = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    except OSError:
        return None
    user, nice, system, _, _, irq, soft, *_ = (int(one) for one in line.split()[1:])
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")


def _compiled():
    """How many kernels of fusednn the disk cache holds."""
    from fusednn.kernels._cache import cache_directory

    found = cache_directory()
    return len(list(Path(found).rglob("*.kernel"))) if found else 0


def _answers(model, frame, task, classes):
    """Numbers, or the probabilities of all classes, also of those that the fit never saw."""
    if task == "numbers":
        return np.asarray(model.predict(frame)).reshape(len(frame))
    found = model.predict_proba(frame)
    full = np.zeros((len(frame), classes))
    full[:, np.asarray(model.classes_, int)] = found
    return full


def trial(asked):
    """The record of one run.

    Parameters
    ----------
    asked : dict
        "set", "seed", "method", "threads", "cap"; with "state" a random state other than the
        seed; with "keep" a file for the predictions of the test part; with "choose" the rows to
        train, at most, and training rows judge.

    Returns
    -------
    dict
        "task", "first", "second" (`scores`), "fit" and "predict" (seconds by the wall's clock and
        of CPUs), "rows" (of the training and the test part), "peak_mb" (above what was resident
        before the fit), "total_mb" (of the process), "capped", "others" (CPUs in use by other
        processes), "loaded"; of fusednn also "compiled", the kernels that the cache lacked.
    """
    warnings.simplefilter("ignore")  # of libraries about each other
    table = (SETS | FURTHER)[asked["set"]]()
    if rows := asked.get("choose"):
        train, test = inner(table, asked["seed"], rows)
    else:
        train, test = split(table, asked["seed"])
    method = METHODS[asked["method"]]
    parts = table.frame.iloc[train], table.frame.iloc[test]
    X, X_test = method.frames(*(part.reset_index(drop=True) for part in parts))
    y, y_test = table.target[train], table.target[test]
    run = Run(table.task, asked.get("state", asked["seed"]), asked["threads"], asked["cap"])
    model = method.make(X, run)
    options = _limit(model, method.limit, asked["cap"])
    ours = method.package == "fusednn"
    before = _compiled() if ours else 0
    with Clock() as fit:
        peak = peak_above(lambda: model.fit(X, y, **options))
    total = resident_peak()
    with Clock() as predict:
        predicted = _answers(model, X_test, table.task, int(table.target.max()) + 1)
    first, second = scores(table.task, y_test, predicted)
    if kept := asked.get("keep"):
        np.savez_compressed(kept, target=y_test, predicted=predicted)
    record = {
        "task": table.task,
        "first": first,
        "second": second,
        "rows": [len(train), len(test)],
        "fit": fit.seconds(),
        "predict": predict.seconds(),
        "peak_mb": round(peak / 1e6, 1),
        "total_mb": round(total / 1e6, 1),
        "capped": bool(method.limit) and fit.wall >= asked["cap"],
        "others": None if fit.others is None else round(fit.others, 2),
        "loaded": fit.others is None or fit.others > LOADED,
    }
    return record | ({"compiled": _compiled() - before} if ours else {})


def _limit(model, name, seconds):
    """The argument of `fit` that limits its time; of a pipeline, of its last step."""
    if name is None:
        return {}
    steps = getattr(model, "steps", None)
    return {f"{steps[-1][0]}__{name}" if steps else name: int(seconds)}


def in_process(asked):
    """Runs `trial` in a new process.

    Returns
    -------
    dict
        The record, or one with "failed": the last line that the process wrote.
    """
    root = Path(__file__).parents[3]
    threads = dict.fromkeys(COUNTS, str(asked["threads"]))
    # an installed library has its bytecode, which is otherwise made again within the fit
    left_out = (*FORCING, "PYTHONDONTWRITEBYTECODE")
    env = {name: value for name, value in os.environ.items() if name not in left_out} | threads
    command = [sys.executable, "-m", __spec__.name, json.dumps(asked)]
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=env,
            capture_output=True,
            text=True,
            timeout=asked["cap"] + GRACE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"ended after {asked['cap'] + GRACE:.0f} s", "capped": True}
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return {"failed": lines[-1][:300], "capped": False}
    return json.loads(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    print(json.dumps(trial(json.loads(sys.argv[1]))))
