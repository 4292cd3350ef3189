"""Compares the time of a training step through fusednn's public `fit` with its peers.

    python -m benchmarks.compare [--threads 2] [--dtype float32] [--networks small-32 ...]
                                 [--variant dropout|layernorm|batchnorm|gelu|adamw]
                                 [--repeats 5] [--peers sklearn,torch,compile,jax] [--json PATH]

How a step is timed
    A run trains epochs for about `--seconds`, minus the set-up (`steps`), in interleaved rounds
    (`rounds`). Tables show the median and the best of the rounds; the file has every round and the
    95 % intervals of the ratios. On a busy machine, libraries whose threads wait for one another
    look slower than they are, so the load is printed.

Threads
    The process is bound to as many CPUs as it has threads (Linux), and restarted with the
    variables that set the threads of OpenMP, OpenBLAS, MKL and XLA. Calls set those of PyTorch and
    scikit-learn's BLAS too. XLA gives no guarantee for its thread pool: except on Linux, JAX may
    use every CPU. Variables that force BLAS libraries to older kernels are removed. fusednn's
    `n_jobs` is None, which chooses among the bound CPUs, unless `--n-jobs` sets it.

Figures
    GFLOP/s count only the products (`networks.step_flops`). Shares are relative to the best
    multiply-add peak measured between the rounds with the same number of threads. A peer that is
    not installed or fails is left out with a note; so is torch.compile without a C++ compiler.
"""

import sys
from functools import partial

from benchmarks.measuring.environment import restart_with
from benchmarks.measuring.networks import NETWORKS, make_data
from benchmarks.measuring.report import begin, parser
from benchmarks.measuring.rounds import OURS, choose_peers, enter, ratios
from benchmarks.measuring.steps import count_epochs, step_times
from benchmarks.measuring.table import finish
from benchmarks.measuring.variants import VARIANTS

PEERS = "sklearn,torch,compile,jax"


def parse():
    """The command line."""
    found = parser(__doc__, repeats=5, seconds=0.4, peers=PEERS)
    found.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    found.add_argument("--n-jobs", type=int, default=None, help="for fusednn; default: automatic")
    found.add_argument("--variant", choices=VARIANTS, default="", help="for all networks")
    return found.parse_args()


def compete(network, names, options):
    """All rounds of one network.

    Parameters
    ----------
    network : Network
    names : sequence of str
        Keys of `CONTESTANTS`, fusednn first.
    options : Namespace
        With threads, dtype, repeats and seconds.

    Returns
    -------
    dict
        The peaks, microseconds per step of each contestant, and each peer's ratio with interval.
    """
    from benchmarks.measuring.contestants import CONTESTANTS
    from benchmarks.measuring.peak import fma_gflops

    data = make_data(network, options.dtype)
    field = enter(
        names,
        lambda name: CONTESTANTS[name](network, *data, options.threads),
        partial(count_epochs, seconds=options.seconds),
    )
    peak = partial(fma_gflops, options.threads, options.dtype, repeats=3)
    times, peaks = step_times(field, options.repeats, peak)
    return {
        "network": network.title,
        "flops": network.flops,
        "peaks": peaks,
        "step_us": times,
        "ratios": ratios(times),
    }


def main():
    """Runs the comparison, prints the table and writes the rounds."""
    options = parse()
    restart_with(options.threads)
    from benchmarks.measuring.contestants import CONTESTANTS, Fusednn

    Fusednn.n_jobs = options.n_jobs
    peers = choose_peers(options.peers, CONTESTANTS)
    report, results = begin(options), []
    for name in options.networks:
        network = NETWORKS[name]._replace(variant=options.variant)
        results.append(compete(network, [OURS, *peers], options))
        print(f"{results[-1]['network']} done", file=sys.stderr)
    variant = f" with {options.variant}" if options.variant else ""
    title = f"a training step{variant} (n_jobs {options.n_jobs})"
    finish(title, "network, batch", report, results, "step_us", options)


if __name__ == "__main__":
    main()
