"""Costs of a predictor in a service: threads, cold starts, memory.

    python -m benchmarks.serving [--what threads start memory] [--repeats 5] [--seconds 0.5]
                                 [--json PATH]

threads: calls per second of eight threads on one predictor, divided by those of one thread; for
one row of 20-64-64-2, and for batches of 54-256x3-7 that take at least half a millisecond. The
single thread runs alone and its calls use one core, so two cores can reach a factor of 2.

start: seconds from the start of a process to its first answer, for one row of 20-64-64-2 and a
saved file: by `fusednn.load` with compiled kernels in the disk cache, by ONNX Runtime from an ONNX
file, and by `CompiledPredictor` from a shared library. Every figure is from a new process, in
interleaved rounds. Python alone, and Python with NumPy, are the lower bounds.

memory: resident bytes that loading 512-1024x2-10 from a file adds, compared with the weights, and
bytes that eight calling threads add. Measured in a new process.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.measuring.environment import describe
from benchmarks.measuring.networks import NETWORKS, make_data
from benchmarks.measuring.report import write

from .inference import fitted

THREADS = 8
CASES = (("small-32", 1), ("tabular", 200), ("tabular", 1000))
"""Networks, and rows of a call."""

_PYTHON = "print(1)"
_NUMPY = "import numpy; print(1)"
_LOAD = """
import numpy as np, fusednn
print(fusednn.load({model!r}).predict_proba(np.load({row!r})))
"""
_ONNX = """
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession({onnx!r}, providers=["CPUExecutionProvider"])
print(session.run(["probabilities"], {{"X": np.load({row!r})}})[0])
"""
_COMPILED = """
import numpy as np
from fusednn.compiled import CompiledPredictor
print(CompiledPredictor({library!r}).predict_proba(np.load({row!r})))
"""
STARTS = {
    "python": _PYTHON,
    "python and numpy": _NUMPY,
    "fusednn.load": _LOAD,
    "onnxruntime": _ONNX,
    "CompiledPredictor": _COMPILED,
}
_MEMORY = """
import json, threading, numpy as np, fusednn
from benchmarks.memory import _status
row = np.load({row!r})
fusednn.load({small!r}).predict_proba(np.load({small_row!r}))
before = _status("VmRSS")
p = fusednn.load({model!r})
loaded = _status("VmRSS")
everyone = threading.Barrier(8)
def work():
    everyone.wait()
    for _ in range(300):
        p.predict_proba(row)
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps([loaded - before, _status("VmRSS") - loaded, len(p._answering._free)]))
"""


def rate(predictor, x, threads, seconds):
    """Calls per second of `threads` threads."""
    counts, over = [0] * threads, threading.Event()
    together = threading.Barrier(threads + 1)

    def work(number):
        together.wait()
        while not over.is_set():
            predictor.predict_proba(x)
            counts[number] += 1

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    together.wait()
    start = time.perf_counter()
    time.sleep(seconds)
    over.set()
    for worker in workers:
        worker.join()
    return sum(counts) / (time.perf_counter() - start)


def measure_threads(options):
    """Prints and returns a line for each case."""
    from fusednn import freeze

    results = []
    for name, rows in CASES:
        network = NETWORKS[name]
        model = fitted(network, "float32")
        X, _ = make_data(network._replace(samples=rows), "float32", seed=1)
        one, shared = freeze(model, n_jobs=1), freeze(model)
        rounds = []
        for _ in range(options.repeats):
            alone = rate(one, X, 1, options.seconds)
            rounds.append((alone, rate(shared, X, THREADS, options.seconds)))
        alone = median(one for one, _ in rounds)
        gain = median(many / one for one, many in rounds)
        title = "-".join(map(str, network.sizes))
        print(
            f"threads: {title}, {rows} rows, {1e6 / alone:.0f} us alone: eight threads make"
            f" {gain:.2f} times the calls of one"
        )
        results.append({"network": title, "rows": rows, "calls_per_second": rounds, "gain": gain})
    return results


def save_all(folder, name):
    """Saves a network in every form, and a row for it; returns the paths."""
    import fusednn

    network = NETWORKS[name]
    model = fitted(network, "float32")
    X, _ = make_data(network._replace(samples=1), "float32", seed=1)
    paths = {
        "model": f"{folder}/{name}.safetensors",
        "onnx": f"{folder}/{name}.onnx",
        "library": f"{folder}/{name.replace('-', '_')}.so",
        "row": f"{folder}/{name}.npy",
    }
    np.save(paths["row"], X)
    fusednn.freeze(model).save(paths["model"])
    fusednn.export_onnx(model, paths["onnx"])
    fusednn.export_library(model, paths["library"])
    return paths


def _run(code):
    """Seconds until a new process prints its first line, and that line.

    Modules are compiled to bytecode, as those of an installed package are.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-u", "-c", code]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
        line = child.stdout.readline()
        seconds = time.perf_counter() - start
        child.communicate()
    if child.returncode != 0 or not line:
        raise RuntimeError(f"a process ended with {child.returncode}")
    return seconds, line


def measure_start(options, paths):
    """Prints and returns the seconds of all processes."""
    seconds = {name: [] for name in STARTS}
    for turn in range(options.repeats + 1):
        for name, code in STARTS.items():
            taken, _ = _run(code.format(**paths))
            if turn:  # the first turn fills the disk's cache and the cache of kernels
                seconds[name].append(taken)
    for name, rounds in seconds.items():
        print(f"start: {name:20}{median(rounds):7.3f} s (best {min(rounds):.3f})")
    return seconds


def measure_memory(options, paths, small):
    """Prints and returns the bytes."""
    code = _MEMORY.format(**paths, small=small["model"], small_row=small["row"])
    rounds = [json.loads(_run(code)[1]) for _ in range(options.repeats)]
    weights = 4 * sum(a * b + b for a, b in ((512, 1024), (1024, 1024), (1024, 10)))
    loaded, called, residents = (median(column) for column in zip(*rounds, strict=True))
    print(
        f"memory: weights {weights / 1e6:.2f} MB, loading adds {loaded / 1e6:.2f} MB,"
        f" eight threads {called / 1e6:.2f} MB more ({residents:.0f} sets of buffers)"
    )
    return {"weights": weights, "rounds": rounds}


def main():
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    what = ("threads", "start", "memory")
    parser.add_argument("--what", nargs="+", choices=what, default=what)
    parser.add_argument("--repeats", type=int, default=5, help="rounds, or processes per figure")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of one count of calls")
    parser.add_argument("--json", type=Path, help="the file for the rounds")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    report = describe(repeats=options.repeats, seconds=options.seconds)
    print(f"load before the run {report['load']}")
    if "threads" in options.what:
        report["threads"] = measure_threads(options)
    with tempfile.TemporaryDirectory() as folder:
        small = save_all(folder, "small-32")
        if "start" in options.what:
            report["start"] = measure_start(options, small)
        if "memory" in options.what:
            report["memory"] = measure_memory(options, save_all(folder, "wide"), small)
    write(options.json, report)


if __name__ == "__main__":
    main()
