"""Prepares programs for a device, in the mode that is chosen for each."""

from __future__ import annotations

from fusednn.plan.cuda.modes import ALONE, LAUNCHES, mode_of
from fusednn.plan.cuda.program import CudaProgram
from fusednn.plan.cuda.whole import Whole

from .by_itself import ByItself, shared_before
from .by_launches import ByLaunches
from .copies import Copies
from .device import Device
from .refusals import check_kernels


def prepared(program: CudaProgram, device: Device, copies: Copies) -> ByLaunches | ByItself:
    """What runs a program's steps; `check_kernels` and `Copies.add` say what it raises."""
    check_kernels(program, device)
    mode = mode_of(program, device.shared)
    if mode == LAUNCHES:
        return ByLaunches(program, device, copies)
    if mode == ALONE:
        whole = Whole(program, alone=True)
        loaded = device.load_program(whole.kernels, program.dtype, alone=True)
        if shared_before(loaded, whole, program.dtype) + whole.size <= device.shared:
            return ByItself(program, whole, loaded, device, copies)
    whole = Whole(program, alone=False)
    loaded = device.load_program(whole.kernels, program.dtype, alone=False)
    return ByItself(program, whole, loaded, device, copies)
