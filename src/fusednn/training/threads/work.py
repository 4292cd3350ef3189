"""The work of a training step, and the threads that it is worth."""

from __future__ import annotations

from fusednn.graph.network import Network
from fusednn.plan.updating.batches import most_tasks

from .jobs import choose_jobs


def step_flops(network: Network, batch: int) -> float:
    """Multiply-adds, counted twice, of one training step: forward, and back but for the input."""
    products = [rows * a * b for rows, a, b in network.products()]
    return 2.0 * batch * (3 * sum(products) - products[0])


def choose_workers(network: Network, samples: int, batch: int, dtype, n_jobs: int | None) -> int:
    """Threads for training in batches of `batch` of `samples` samples."""
    jobs = choose_jobs(n_jobs, step_flops(network, min(batch, samples)) / 2)
    return jobs if jobs == 1 else min(jobs, most_tasks(network, batch, dtype))
