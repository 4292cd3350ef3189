"""Cases of weights over their largest singular value, in each form of weights."""

import numpy as np
from cases.ops.of_products import FAN_IN, FAN_OUT
from running.op_cases import ONCE, OUTPUTS, Case, always, unpacked

from fusednn.plan.binding.program import Program
from fusednn.plan.layout.forms import Panels, Vectors
from fusednn.plan.layout.taps import GroupedTaps, Taps
from fusednn.plan.memory.buffers import aligned_zeros
from fusednn.plan.updating.singular import SingularWeights

GROUPS = 3


class Weights:
    """A matrix w (I, O) in a form, where the vectors and the value are still those of another."""

    def __init__(self, make, form):
        self.form, self.program = form, Program(make.dtype, 1, 1)
        self.w, before = make.values(2, *form.shape)
        self.flat, self.copy = make.packed(form, self.w), None
        if form.transposed_count:
            self.copy = aligned_zeros(form.transposed_count, make.dtype)
        self.own = SingularWeights(self.program, form, self.flat, self.copy)
        self.own.load(before)
        self.u, self.v, self.value = self._vectors(before.astype(float))

    def _vectors(self, w):
        """Those of w, from a random v by fifty iterations."""
        w = w.reshape(-1, w.shape[-1])
        v = np.random.RandomState(0).normal(size=len(w))
        for _ in range(50):
            u = self._unit(w.T @ v)
            v = self._unit(w @ u)
        return u, v, v @ w @ u

    @staticmethod
    def _unit(x):
        return x / np.linalg.norm(x)

    def case(self, task, flat, want):
        """A case of a task that writes a flat matrix."""
        op, operands = self.program.call_of(task.chain[0])
        found = {"flat": lambda program: unpacked(self.form, flat)}
        if "transposed" in want:
            found["transposed"] = always(self.copy)
        return Case(op, operands, found, want, ONCE)


def scaled(make, form):
    """One iteration by the new weights."""
    made = Weights(make, form)
    w = made.w.astype(float).reshape(-1, form.shape[-1])
    u = made._unit(w.T @ made.v)
    v = made._unit(w @ u)
    out = (w / (v @ w @ u)).reshape(form.shape)
    want = {"flat": out}
    if made.copy is not None:
        want["transposed"] = aligned_zeros(form.transposed_count, make.dtype)
        form.pack_transposed(want["transposed"], out)
    return made.case(made.own.lower_update(), made.own.weights, want)


def differentiated(make, form):
    """With u and v held constant."""
    made, dout = Weights(make, form), make.values(*form.shape)
    flat = make.packed(form, dout)
    slope = dout.astype(float).reshape(-1, form.shape[-1])
    # the weights in use are those of `load`
    out = unpacked(form, made.own.weights).astype(float).reshape(slope.shape)
    dw = (slope - (slope * out).sum() * np.outer(made.v, made.u)) / made.value
    return made.case(made.own.lower_gradient(flat), flat, {"flat": dw.reshape(form.shape)})


def scale_panels(make):
    return scaled(make, Panels(FAN_IN, FAN_OUT, make.dtype))


def scale_vectors(make):
    return scaled(make, Vectors(FAN_IN, OUTPUTS, make.dtype))


def scale_taps(make):
    return scaled(make, Taps((3, 3, 4, FAN_OUT), make.dtype, transposed=True))


def scale_grouped_taps(make):
    return scaled(make, GroupedTaps((3, 2, 7 * GROUPS), GROUPS, make.dtype))


def differentiate_panels(make):
    return differentiated(make, Panels(FAN_IN, FAN_OUT, make.dtype))


def differentiate_vectors_of_units(make):
    return differentiated(make, Vectors(FAN_IN, OUTPUTS, make.dtype))


def differentiate_grouped_taps(make):
    return differentiated(make, GroupedTaps((3, 2, 7 * GROUPS), GROUPS, make.dtype))


def scale_zeros(make):
    """Zeros stay zeros, and do not lose the vectors."""
    made = Weights(make, Panels(FAN_IN, FAN_OUT, make.dtype))
    made.flat[:] = 0
    op, operands = made.program.call_of(made.own.lower_update().chain[0])
    kept = {name: operands[name].copy() for name in ("across", "along")}
    want = {**kept, "out": np.zeros(len(made.flat))}
    return Case(op, operands, {name: always(operands[name]) for name in want}, want, ONCE)


CASES = [
    *(scale_panels, scale_vectors, scale_taps, scale_grouped_taps, scale_zeros),
    *(differentiate_panels, differentiate_vectors_of_units, differentiate_grouped_taps),
]
