"""Caches small plans for the next call of the same kind: lowering costs more than their work.

A cached plan owns its arrays; every call copies data, parameters and moments in. It belongs to the
thread that made it, and a call takes it out of the cache while using it. Estimators hold no
reference to it, so copies of an estimator, threads and forks share nothing.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from fusednn.graph.network import Network
from fusednn.kernels import records
from fusednn.kernels.optimizers import OPTIMIZERS
from fusednn.plan.binding.next_tokens import NextTokens
from fusednn.plan.layout.choosing import forms_of
from fusednn.plan.training import Rule, Target

from .session import Session
from .teams import ON_CPU
from .threads.jobs import FLOPS_PER_THREAD, choose_jobs
from .threads.work import choose_workers, step_flops

MOST_PLANS = 6
"""The most plans in the cache of a thread."""

MOST_BYTES = 1 << 20
"""About the most bytes of a cached session: its data, steps, buffers and parameters."""


class _Kept(threading.local):
    def __init__(self):
        self.plans: dict[tuple, Any] = {}


_kept = _Kept()


def take(kind: tuple) -> Any:
    """Takes out the plan kept under `kind`, which is all that it depends on, or None."""
    return _kept.plans.pop(kind, None)


def keep(kind: tuple, plan) -> None:
    """Keeps a plan that has run without error and whose results have been copied."""
    plans = _kept.plans
    plans[kind] = plan
    if len(plans) > MOST_PLANS:
        del plans[next(iter(plans))]  # the oldest


def keep_session(session: Session) -> None:
    """Keeps a session if `take_session` gave it a `kind`."""
    if session.kind:
        keep(session.kind, session)


def take_session(
    network: Network,
    X,
    target: Target | NextTokens,
    rule: Rule,
    *,
    batch: int,
    order: np.ndarray,
    l2: float,
    n_jobs: int | None,
    device: str = "cpu",
) -> Session:
    """A session of these arguments: one of the cache, or a new one.

    A new one that is worth keeping has copies of the data; else its `kind` is None.
    """
    given: dict[str, Any] = {"batch": batch, "order": order, "l2": l2, "device": device}
    if device not in ON_CPU:  # what is kept would take its memory
        return Session(network, X, target, rule, n_jobs=n_jobs, **given)
    if n_jobs is None:
        n_jobs = choose_jobs(None, step_flops(network, len(order)), FLOPS_PER_THREAD)
    if not isinstance(target, Target):
        return Session(network, X, target, rule, n_jobs=n_jobs, **given)
    if X.dtype.kind in "iu" and X.size * target.values.itemsize <= MOST_BYTES:
        X = X.astype(target.values.dtype)  # so that it may be kept
    kind = _kind(network, X, target, rule, batch, order, n_jobs)
    session = take(kind) if kind else None
    if session is not None:
        session.renew(X, target, order, l2)
        return session
    if kind:
        weights = None if target.weights is None else target.weights.copy()
        X, target = X.copy(), Target(target.values.copy(), weights)
    session = Session(network, X, target, rule, n_jobs=n_jobs, **given)
    session.kind = kind
    return session


def _kind(network, X, target, rule, batch, order, n_jobs) -> tuple | None:
    dtype = target.values.dtype
    if type(X) is not np.ndarray or X.dtype != dtype or target.shares is not None or rule.window:
        return None
    widths = sum(rows * width for rows, width in network.arrays())
    if network.is_plain():  # in a microsecond
        parameters = network.work()
    else:
        parameters = sum(form.count for form in forms_of(network, dtype))
    states = OPTIMIZERS[rule.optimizer].states
    elements = X.size + target.values.size + 2 * batch * widths + (3 + states) * parameters
    steps = records.STEP_WIDTH + records.SETTINGS_WIDTH + records.TOTALS_WIDTH
    words = len(order) + steps * -(-len(order) // batch)
    if elements * dtype.itemsize + 8 * words > MOST_BYTES:
        return None
    if choose_workers(network, len(order), batch, dtype, n_jobs) > 1:
        return None
    return (
        *(*network, dtype, X.shape, target.values.shape),
        *(target.weights is None, rule.optimizer, tuple(map(float, rule.constants)), *rule[2:]),
        *(batch, len(order)),
    )
