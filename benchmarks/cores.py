"""Estimates the time of a training step on 1 to 128 cores by a model.

    python -m benchmarks.cores [--batch 256 ...] [--dtype float32]

The script measures one core's multiply-add peak, one core's streaming bandwidth, and the cost of
an empty stage on 1 and 2 threads. A plan lowered for the number of workers gives the rows and
weights of the busiest worker. Then

    step    = rows stage + tile stage + 2 barriers
    stage   = max(operations of the busiest / (0.8 peak), bytes of all / bandwidth)
    barrier = additional cost with 2 threads, times the number of threads / 2

One core reaches 0.8 of its peak here on all networks except the smallest. Bytes are those of
parameters that do not fit into the second-level caches of all workers. The tile stage reads and
writes w, its moments and the copy of w^T. In the rows stage each worker reads w and the copy, up
to the number of memory channels; the model assumes that further workers share a cache. It assumes
that bandwidth grows with cores up to eight times that of one, as on a socket with 8 to 12
channels. It ignores other processes, and clocks that fall under load.
"""

import argparse
import time
from itertools import pairwise

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.intrinsics.pointers import view_at
from fusednn.kernels.operands import op, operands

from benchmarks.measuring.networks import NETWORKS
from benchmarks.measuring.peak import fma_gflops, stream_gbytes
from fusednn.estimators.network.perceptron_weights import perceptron
from fusednn.graph.network import Network
from fusednn.plan.binding.data import source_of
from fusednn.plan.binding.program import Program, Task
from fusednn.plan.machines import Threads
from fusednn.plan.training import Rule, Target, TrainingPlan
from fusednn.training.threads.team import Team

CORES = (1, 2, 16, 64, 128)
EFFICIENCY = 0.8
CACHE_BYTES = 1 << 20
CHANNELS = 8


@op(operands())
def nothing(record, frame, scratch, lo, hi):
    return 0


def stage_seconds(workers, stages=20_000):
    """Seconds of a stage with one empty task per worker."""
    program = Program(np.float32, workers, 1)
    chain = [program.record(nothing, {})]
    program.set_stages([([Task(chain, 0, 0)] * workers, None)])
    steps = np.zeros((stages, records.STEP_WIDTH), np.int64)
    steps[:, records.LAST_STAGE] = 1
    program.set_steps(steps)
    best = np.inf
    with Team(program) as team:
        for _ in range(7):
            start = time.perf_counter()
            team.run(0, stages)
            best = min(best, time.perf_counter() - start)
    return best / stages


def lower(sizes, batch, workers, dtype):
    """A plan of the network for `workers`, on data of one batch."""
    X = np.zeros((batch, sizes[0]), dtype)
    target = Target(np.zeros((batch, 1), dtype), None)
    loss = "logistic" if sizes[-1] == 1 else "softmax"
    network = Network(perceptron(tuple(sizes), "relu").ops, loss)
    rule = Rule("adam", (0.9, 0.999, 1e-8))
    order = np.arange(batch)
    return TrainingPlan(network, source_of(X, dtype), target, rule, batch, order, Threads(workers))


def busiest(plan):
    """The busiest worker's fraction of the rows, and of the costs of the tile stage's tasks."""
    parts = []
    stages = view_at(plan.program.words[records.STAGES], np.int64)
    for number, weigh in enumerate((lambda task: task.hi - task.lo, lambda task: task.cost)):
        tasks, _ = plan.program.stages[number]
        at = stages[number * records.STAGE_WIDTH + records.SHARES]
        shares = view_at(at, np.int64)[: plan.program.workers + 1]
        weights = [sum(map(weigh, tasks[lo:hi])) for lo, hi in pairwise(shares)]
        parts.append(max(weights) / sum(weights))
    return parts


def model(sizes, batch, workers, machine, dtype):
    """Seconds of a step."""
    plan = lower(sizes, batch, workers, dtype)
    rows_part, tiles_part = busiest(plan)
    item = np.dtype(dtype).itemsize
    products = sum(a * b for a, b in pairwise(sizes))
    tiles = 2.0 * batch * products
    rows = 2.0 * tiles - 2.0 * batch * sizes[0] * sizes[1]
    bandwidth = min(workers, CHANNELS) * machine["bandwidth"]
    weights = (plan.layout.count + plan.layout.transposed_count) * item
    far = max(0.0, 1 - workers * CACHE_BYTES / (weights + 2 * plan.layout.count * item))
    rows_bytes = far * weights * min(workers, CHANNELS)
    tiles_bytes = far * 2 * (weights + 2 * plan.layout.count * item)
    speed = EFFICIENCY * machine["peak"]
    stages = max(rows_part * rows / speed, rows_bytes / bandwidth) + max(
        tiles_part * tiles / speed, tiles_bytes / bandwidth
    )
    barrier = machine["barrier"] * workers / 2 if workers > 1 else 0.0
    return stages + 2 * (machine["stage"] + barrier)


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--batch", type=int, nargs="+", help="default: each network's own")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    options = parser.parse_args()
    alone = stage_seconds(1)
    machine = {
        "peak": 1e9 * fma_gflops(1, options.dtype, repeats=5),
        "bandwidth": 1e9 * stream_gbytes(1),
        "stage": alone,
        "barrier": max(0.0, stage_seconds(2) - alone),
    }
    print(
        f"one core: {machine['peak'] / 1e9:.0f} GFLOP/s, {machine['bandwidth'] / 1e9:.0f} GB/s;"
        f" an empty stage {1e9 * alone:.0f} ns, a barrier of two {1e9 * machine['barrier']:.0f} ns"
    )
    heads = "".join(f"{f'{cores} cores':>22}" for cores in CORES)
    print(f"{'network, batch':30}{heads}   us (times one core's speed)")
    for network in NETWORKS.values():
        for batch in options.batch or [network.batch]:
            one = None
            text = f"{network._replace(batch=batch).title:30}"
            for cores in CORES:
                seconds = model(network.trained_sizes, batch, cores, machine, options.dtype)
                one = one or seconds
                text += f"{f'{1e6 * seconds:.1f} ({one / seconds:.1f})':>22}"
            print(text)


if __name__ == "__main__":
    main()
