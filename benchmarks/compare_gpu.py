"""Compares a training step and predictions on a GPU with PyTorch, JAX and fusednn on the CPU.

    python -m benchmarks.compare_gpu [--prepare FOLDER | --prepared FOLDER] [--networks wide ...]
                                     [--peers graphs,torch,cpu,compile,jax] [--minutes 4]
                                     [--repeats 5] [--seconds 0.2] [--json PATH]

Steps are timed as in `compare`, in turns (`rounds`), float32 with TF32 off. *graphs* is PyTorch
with a whole step in one CUDA graph, *cpu* is fusednn on this machine's processors. *floor* is the
slowest of three: the step's products at cuBLAS's rate, the bytes of parameters, moments and the
batch at the rate of copies, and fusednn's launches at that of the smallest kernels in a graph; all
are measured first. A network is left out when the time is over, and a contestant that fails or is
missing is named with its reason.

The last table has what `device="auto"` needs: operations of a step, and which device is faster.

`--prepare` compiles for sm_90 without a GPU and keeps that in a folder; see `gpu_correct`.
"""

import argparse
import os
import sys
import time
from functools import partial

from benchmarks.measuring.gpu.networks import COMPILED, NAMES, Limits, data_of, network_of
from benchmarks.measuring.gpu.networks import prediction_flops as flops_of_call
from benchmarks.measuring.gpu.prepared import NotPreparedError, Prepared, use_shape_of
from benchmarks.measuring.report import begin, parser, write
from benchmarks.measuring.rounds import OURS, choose_peers, enter, ratios, summary, take_turns
from benchmarks.measuring.steps import count_epochs, step_times

PEERS = "graphs,torch,cpu,compile,jax"
SAMPLES = 4096
"""Those of a call for predictions; series of tokens: 64."""


def parse():
    """The command line."""
    found = parser(__doc__, repeats=5, seconds=0.2, peers=PEERS, threads=os.cpu_count())
    found.formatter_class = argparse.ArgumentDefaultsHelpFormatter
    folder = found.add_mutually_exclusive_group()
    folder.add_argument("--prepare", metavar="FOLDER")
    folder.add_argument("--prepared", metavar="FOLDER")
    found.add_argument("--networks", nargs="+", choices=NAMES, default=NAMES)
    found.add_argument("--minutes", type=float, default=4.0, help="no network begins after these")
    return found.parse_args()


def samples_of(network, dtype):
    """The samples of a call for predictions."""
    X, _ = data_of(network, dtype)
    return X[: 64 if getattr(network, "codes", 0) else SAMPLES]


def fitted(network, options, device):
    """A model that has seen an epoch."""
    from benchmarks.measuring.gpu.contestants import contestant

    one = contestant(OURS, network, data_of(network, options.dtype), options.threads)
    one.device = device
    if hasattr(one, "fit"):
        return one.fit(1)
    made = []
    make = one.make
    one.make = lambda **given: made.append(make(**given)) or made[-1]
    one.run(1)
    return made[-1]


def prepare(options):
    """Compiles what the networks need, training and predicting."""
    from benchmarks.measuring.gpu.checks import opened_by
    from benchmarks.measuring.gpu.recorder import Recorder
    from fusednn.training.cuda.loaded import compiled_kernel, compiled_program

    prepared = Prepared(options.prepare, compiled_kernel, compiled_program)
    with opened_by(lambda: Recorder(prepared.compiled, prepared.program)):
        for name in options.networks:
            network = network_of(name)
            try:
                predictor = _frozen(fitted(network, options, "cuda"), "cuda")
                predictor.predict_proba(samples_of(network, options.dtype))
            except NotImplementedError as refusal:
                print(f"{network.title}: {refusal}")
    print(prepared.in_words())


def _frozen(model, device):
    from fusednn import freeze

    return freeze(model, device=device)


def measured_limits(torch):
    """What the GPU reaches: products of float32, copies, launches in a graph."""
    a, b = (torch.randn(8192, 8192, device="cuda") for _ in range(2))
    out, one = torch.empty_like(a), torch.zeros(32, device="cuda")
    graph, count = torch.cuda.CUDAGraph(), 200
    one.add_(1)
    torch.cuda.synchronize()
    with torch.cuda.graph(graph):
        for _ in range(count):
            one.add_(1)
    return Limits(
        2 * 8192**3 / seconds_of(torch, lambda: torch.mm(a, b, out=out)),
        2 * a.nbytes / seconds_of(torch, lambda: out.copy_(a)),
        seconds_of(torch, graph.replay) / count,
    )


def seconds_of(torch, call, repeats=10):
    """The best of some calls, between two events."""
    found = []
    for _ in range(repeats):
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        first.record()
        call()
        last.record()
        last.synchronize()
        found.append(first.elapsed_time(last) / 1e3)
    return min(found)


def launches_of(network, options):
    """The launches of a step of fusednn, by a device that computes nothing; 0 where one launch
    runs many steps."""
    from benchmarks.measuring.gpu.checks import opened_by
    from benchmarks.measuring.gpu.recorder import RecordedProgram, Recorder

    counts, programs = [], []

    class Counter(Recorder):
        def capture(self, calls):
            counts.append(len(calls))

        def load_program(self, kernels, dtype, alone):
            programs.append(kernels)
            return RecordedProgram(1, 0, 0)

    with opened_by(lambda: Counter(lambda *kernel: None, None)):
        fitted(network, options, "cuda")
    return 0 if programs else max(counts)


def train(name, peers, options, limits):
    """All rounds of training one network, with the floors of a step."""
    from benchmarks.measuring.gpu.contestants import contestant

    network = network_of(name)
    data = data_of(network, options.dtype)
    names = [peer for peer in peers if name in COMPILED or peer not in ("compile", "jax")]
    field = enter(
        [OURS, *names],
        lambda peer: contestant(peer, network, data, options.threads),
        partial(count_epochs, seconds=options.seconds),
    )
    times, _ = step_times(field, options.repeats, lambda: None)
    parameters = sum(array.size for array in fitted(network, options, "cuda")._parameters())
    batch_bytes = data[0][: network.batch].nbytes
    launches = launches_of(network, options)
    return {
        "network": network.title,
        "name": name,
        "flops": network.flops,
        "step_us": times,
        "ratios": ratios(times),
        "floors": limits.step(network.flops, parameters, batch_bytes, launches),
        "launches": launches,
    }


def predict(name, options):
    """All rounds of predictions: on the GPU, on the CPU, and by PyTorch on the GPU."""
    from benchmarks.measuring.gpu.contestants import Frozen, TorchModule, contestant

    network = network_of(name)
    X = samples_of(network, options.dtype)
    model = fitted(network, options, "cuda")

    def make(peer):
        if peer == "torch":
            data = data_of(network, options.dtype)
            return TorchModule(contestant("torch", network, data, options.threads), X)
        return Frozen(model, X, "cuda" if peer == OURS else "cpu")

    def calls_of(one):
        return max(1, round(options.seconds / 2 / max(one.run(1), 1e-6)))

    def turn(one, calls):
        return 1e6 * one.run(calls) / calls

    field = enter([OURS, "torch", "cpu"], make, calls_of)
    turns, _ = take_turns(field, turn, options.repeats, lambda: None)
    times = {peer: summary(rounds) for peer, rounds in turns.items()}
    flops = flops_of_call(network, len(X))
    return {"network": network.title, "samples": len(X), "flops": flops, "call_us": times}


def table(results, times, first):
    """Microseconds of all contestants, and how many times as long as fusednn they take."""
    peers = dict.fromkeys(peer for one in results for peer in one[times] if peer != OURS)
    heads = [first, OURS, *(f"{peer} (ratio)" for peer in peers), "floor"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for one in results:
        ours = one[times][OURS]["median"]
        cells = [one["network"], f"{ours:.1f}"]
        for peer in peers:
            found = one[times].get(peer)
            cells.append(
                f"{found['median']:.1f} ({found['median'] / ours:.2f})" if found else "none"
            )
        floors = one.get("floors")
        limit = floors and max(floors, key=floors.get)
        cells.append(f"{floors[limit]:.1f} ({limit})" if floors else "")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def choices(results, times, what):
    """The table that `device="auto"` follows: sizes, and the faster device."""
    lines = [f"| operations of {what} | cuda us | cpu us | faster |", "|---|---|---|---|"]
    for one in sorted(results, key=lambda one: one["flops"]):
        if "cpu" in one[times]:
            ours, theirs = one[times][OURS]["median"], one[times]["cpu"]["median"]
            faster = "cuda" if ours < theirs else "cpu"
            lines.append(f"| {one['flops']:.3g} | {ours:.1f} | {theirs:.1f} | {faster} |")
    return "\n".join(lines)


def main():
    options, start = parse(), time.perf_counter()
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if options.prepared:
        use_shape_of(options.prepared)
    if options.prepare:
        prepare(options)
        return
    from benchmarks.measuring.gpu.contestants import FIELD
    from fusednn.training.cuda import gpu, opening

    try:
        if options.prepared:
            prepared = Prepared(options.prepared)
            opening.OPENED["cuda"] = lambda: gpu.open_gpu(prepared.compiled, prepared.program)
        opening.opened("cuda").close()
        import torch
    except (ImportError, RuntimeError, NotPreparedError) as error:
        print(f"This benchmark needs a GPU and PyTorch: {error}")
        return
    peers, report = choose_peers(options.peers, FIELD), begin(options)
    torch.backends.cuda.matmul.allow_tf32 = False
    limits, steps, calls = measured_limits(torch), [], []
    print(
        f"{torch.cuda.get_device_name()}: {limits.flops / 1e12:.1f} TFLOP/s,"
        f" {limits.bytes / 1e12:.2f} TB/s, {1e6 * limits.launch:.2f} us a launch"
    )
    for name in options.networks:
        if time.perf_counter() - start > 60 * options.minutes:
            print(f"{network_of(name).title} left out, no time is left")
            continue
        try:
            steps.append(train(name, peers, options, limits))
            calls.append(predict(name, options))
        except NotImplementedError as refusal:
            print(f"{network_of(name).title} left out, {refusal}")
        print(f"{name} done, {time.perf_counter() - start:.0f} s", file=sys.stderr)
    print(f"\nA training step, us\n\n{table(steps, 'step_us', 'network')}")
    print(f"\nA call of predict_proba, us\n\n{table(calls, 'call_us', 'network')}")
    print(f"\n{choices(steps, 'step_us', 'a step')}\n\n{choices(calls, 'call_us', 'a call')}")
    write(options.json, report | {"limits": vars(limits), "steps": steps, "calls": calls})


if __name__ == "__main__":
    main()
