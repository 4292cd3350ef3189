"""Outputs of a fitted network for new rows, and their gradient by these rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from fusednn.graph.network import Network
from fusednn.plan.answer_sizes import least_rows
from fusednn.plan.binding.data import DenseRows, Source, source_of
from fusednn.plan.binding.program import Program
from fusednn.plan.folding import folded
from fusednn.plan.inference import lower_inference, lower_input_gradient
from fusednn.plan.layout.choosing import forms_of
from fusednn.plan.layout.forms import Panels
from fusednn.plan.layout.parameters import ParameterLayout
from fusednn.plan.lengths import has_padding, lengths_of, longest_first

from .parts.pieces import run_in_pieces
from .plan_cache import keep, take
from .teams import ON_CPU, machine_of, team_of
from .threads.jobs import FLOPS_PER_THREAD, choose_jobs
from .threads.team import run_all

FEW_ROWS = 64
"""Up to so many rows the matrices are multiplied without packing, which would cost more."""

COPIED_BYTES = 1 << 17
"""Data and parameters up to this size are copied to a cached plan; more takes as long as lowering.
"""


def predict(
    network: Network, arrays, X, *, n_jobs: int | None = None, answer: str = "outputs",
    device: str = "cpu",
) -> np.ndarray:  # fmt: skip
    """Outputs of a network.

    Parameters
    ----------
    network : Network
    arrays : list of ndarray
        Its parameters in their order, of one dtype; they are only read.
    X : array or sparse matrix of shape (n_samples, inputs)
    n_jobs : int or None
        As `choose_jobs` takes it.
    answer : str
        Key of `plan.binding.outputs.ANSWERS`.
    device : {"cpu", "cuda", "auto"}

    Returns
    -------
    ndarray of shape (n_samples, columns of the answer)
        Numbers in the dtype of the parameters; a row's bits do not depend on the other rows.

    Raises
    ------
    ValueError
        If X has another number of columns than the network has inputs.
    """
    network, arrays, source = _answering(network, arrays, X)
    rows, dtype = source.shape[0], (arrays or source.parts)[0].dtype
    layout = _layout_of(network, dtype)
    is_small = device in ON_CPU and rows <= FEW_ROWS and network.is_plain()
    if is_small and isinstance(source, DenseRows):
        return _predict_few(network, layout, arrays, source, answer)
    flat = layout.pack(arrays)
    first = network.ops[0]
    order = longest_first(lengths_of(X, first)) if has_padding(X, first) else None
    machine = machine_of(device, lambda: _workers(network, rows, n_jobs))
    lower = partial(
        lower_inference,
        *(network, layout.views(flat)),
        dtype=dtype,
        machine=machine,
        answer=answer,
        ragged=order is not None,
    )
    at_once = partial(machine.answer_rows, network, rows, dtype)
    outputs = _run(device, lower, source, order, at_once)
    if order is None:
        return outputs
    found = np.empty_like(outputs)
    found[order] = outputs
    return found


def input_gradient(
    network: Network, arrays, X, *, picked: int = -1, n_jobs: int | None = None,
    device: str = "cpu",
) -> np.ndarray:  # fmt: skip
    """The gradient by X of an output before its link.

    Parameters
    ----------
    network, arrays, X, n_jobs, device
        As `predict` takes them.
    picked : int
        The output; -1 is each row's largest.

    Returns
    -------
    ndarray of shape (n_samples, inputs)
        In the dtype of the parameters; dense for sparse X.

    Raises
    ------
    ValueError
        As `predict` does.
    """
    network, arrays, source = _answering(network, arrays, X)
    dtype = arrays[0].dtype
    layout = _layout_of(network, dtype, wants_dx=True)
    flat, transposed = layout.pack(arrays), layout.pack_transposed(arrays)
    machine = machine_of(device, lambda: _workers(network, source.shape[0], n_jobs))
    lower = partial(
        lower_input_gradient,
        *(network, layout.views(flat), layout.copies(transposed)),
        dtype=dtype,
        picked=picked,
        machine=machine,
        ragged=has_padding(X, network.ops[0]),
    )
    at_once = partial(machine.answer_rows, network, source.shape[0], dtype)
    return _run(device, lower, source, None, at_once)


def _run(
    device: str, lower: Callable[..., tuple[Program, np.ndarray]], source: Source,
    order: np.ndarray | None, at_once: Callable[[], tuple[int, int]],
) -> np.ndarray:  # fmt: skip
    """What the program of a source writes; `at_once` gives the most rows for a device at once."""

    def refreshed(source: Source, **order) -> tuple[Program, np.ndarray]:
        program, written = lower(source, **order)
        for refresh in program.refresh:
            refresh()
        return program, written

    if device not in ON_CPU and isinstance(source, DenseRows):
        teams = partial(team_of, device)
        return run_in_pieces(refreshed, source.X, order, at_once()[0], teams)[1]
    program, written = refreshed(source, **({} if order is None else {"order": order}))
    if device in ON_CPU:
        run_all(program)
        return written
    with team_of(device, program) as team:
        team.run(0, len(program.steps))
        team.pull((written,))
    return written


def _answering(network: Network, arrays, X) -> tuple[Network, list[np.ndarray], Source]:
    """The folded network, its parameters, and the source of X."""
    dtype = (arrays or [X])[0].dtype  # the first layers may have no parameters
    is_small = X.shape[0] <= FEW_ROWS and network.is_plain()  # a copy is as fast
    source = source_of(X, dtype, None if is_small else network)
    if source.shape[1] != network.inputs:
        raise ValueError(
            f"X has {source.shape[1]} features, but the network has {network.inputs} inputs."
        )
    if not network.is_plain():
        network, arrays = folded(network, arrays)
    return network, arrays, source


def _workers(network: Network, rows: int, n_jobs: int | None) -> int:
    """The number of threads for so many rows."""
    flops = 2.0 * rows * network.work()
    return min(choose_jobs(n_jobs, flops, FLOPS_PER_THREAD), -(-rows // least_rows(network)))


@lru_cache(maxsize=32)
def _layout_of(network: Network, dtype, wants_dx: bool = False) -> ParameterLayout:
    """The layout of the parameters; cached, as building it takes as long as predicting a row."""
    return ParameterLayout(forms_of(network, dtype, wants_dx), dtype)


def _predict_few(network: Network, layout, arrays, source: DenseRows, answer):
    """`predict` without packing the matrices; those of a small network go to a cached plan."""
    dtype, count = layout.dtype, len(layout.forms)
    arrays = [*arrays, source.X]
    for number, form in enumerate(layout.forms):
        if isinstance(form, Panels):
            arrays[number] = form.plain(arrays[number])
    small = sum(array.nbytes for array in arrays) <= COPIED_BYTES
    kind = "predict", *network, answer, dtype, len(source.X)
    lowered = take(kind) if small else None
    if lowered is None:
        own = [array.copy(order="C") if small else np.ascontiguousarray(array) for array in arrays]
        program, outputs = lower_inference(
            network, own[:count], DenseRows(own[-1], dtype), dtype, plain=True, answer=answer
        )
    else:
        own, program, outputs = lowered
        for mine, array in zip(own, arrays, strict=True):
            mine[:] = array
    run_all(program)
    if not small:
        return outputs
    result = outputs.copy()
    keep(kind, (own, program, outputs))
    return result
