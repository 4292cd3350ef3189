"""Runs a case of an op by the CPU's kernel, and by its twin on the simulated GPU."""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.cuda.twins import GRID, TWINS
from oracles.simulated_gpu.memory import Memory as DeviceMemory
from oracles.simulated_gpu.ops import Simulator
from running.op_cases import SAMPLES, Memory

from fusednn.plan.binding.program import Program, Task
from fusednn.plan.memory.buffers import Block
from fusednn.training.threads.team import run_all


def prepared(case_of, dtype, edit=None, samples=SAMPLES):
    """A case and its program, which has run nothing; `edit` changes the case."""
    case = case_of(Memory(dtype, np.nan))
    case = edit(case) if edit else case
    program = Program(dtype, 1, max(case.scratch, 1))
    program.scratch[:] = np.nan
    record = program.record(case.op, case.operands)
    program.set_stages([([Task([record], lo, hi) for lo, hi in case.splits[0]], None)])
    program.set_steps(np.array([[0, samples, 0, 1]]))
    for setting, value in case.settings.items():
        program.settings[:, setting] = value
    return case, program, record


def found_by(case, program):
    """What the op has written."""
    return {name: found(program) for name, found in case.found.items()}


def run_on_cpu(case_of, dtype, edit=None, samples=SAMPLES):
    """What the CPU's kernel writes."""
    case, program, _ = prepared(case_of, dtype, edit, samples)
    run_all(program)
    return found_by(case, program)


def run_on_gpu(case_of, dtype, blocks, threads, edit=None, samples=SAMPLES):
    """What the twin writes in the simulator: no element outside of its memory, no race."""
    case, program, record = prepared(case_of, dtype, edit, samples)
    frame = program.frames[: records.FRAME_WIDTH]
    frame[records.SAMPLES] = samples
    scratch = np.zeros((blocks, max(TWINS[case.op].scratch, 16)), dtype)
    memory = DeviceMemory()
    for array in (record, frame, scratch, program.settings, program.totals):
        memory.add(array)
    functions = {}
    for name, value in case.operands.items():
        if isinstance(value, Block):
            memory.add(value.values)
        elif isinstance(value, np.ndarray):
            memory.add(value)
        elif isinstance(value, tuple):
            functions[name] = value[0]
    tasks = list(case.splits[0])
    if TWINS[case.op].spread != GRID:
        tasks = tasks[::-1]  # any order
    Simulator(memory, dtype).run(
        case.op, functions, record.ctypes.data, frame.ctypes.data,
        lambda block: scratch[block].ctypes.data, tasks, blocks, threads,
    )  # fmt: skip
    return found_by(case, program)


def assert_same_bits(case_of, dtype, blocks=2, threads=256, edit=None, samples=SAMPLES):
    """Both write the same."""
    wanted = run_on_cpu(case_of, dtype, edit, samples)
    found = run_on_gpu(case_of, dtype, blocks, threads, edit, samples)
    assert wanted
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
        assert found[name].tobytes() == array.tobytes(), name
