"""Cases of ops on the simulated GPU: the same records, run by the twins."""

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.cuda.twins import every_twin
from fusednn.kernels.operands import DECLARED
from oracles.simulated_gpu.memory import Memory as DeviceMemory
from oracles.simulated_gpu.ops import Simulator
from running.op_cases import SAMPLES, Memory

from fusednn.plan.binding.program import Program, Task
from fusednn.plan.memory.buffers import ALIGNMENT, Block


def with_rows_before(array):
    """The array that holds rows which do not begin with its first one, else these."""
    is_behind = isinstance(array.base, np.ndarray) and (
        array.ctypes.data - array.base.ctypes.data > ALIGNMENT
    )
    return array.base if is_behind else array


def memory_of(case, program, record):
    """All arrays of a program, of a record's operands, and those that operands point to."""
    memory = DeviceMemory()
    arrays = [*program._alive, record, program.frames, program.settings, program.totals]
    arrays += [program.varied, program.steps]
    for value in program.call_of(record)[1].values():
        arrays.append(value.values if isinstance(value, Block) else value)
    for found in case.found.values():  # its defaults are what else it keeps
        for value in found.__defaults__ or ():
            arrays += value if isinstance(value, list) else [value]
    for array in arrays:
        if isinstance(array, np.ndarray) and array.size:
            memory.add(with_rows_before(array))
    return memory


def run_simulated(case_of, dtype, fill, split=0, blocks=3, threads=64):
    """As `op_cases.run` on a simulated GPU of so many blocks and threads."""
    case = case_of(Memory(dtype, fill))
    twin = every_twin()[case.op]
    program = Program(dtype, 1, 1)
    record = program.record(case.op, case.operands)
    tasks = [(lo, hi, records.WHOLE) for lo, hi in case.splits[split]]
    program.set_stages([([Task([record], lo, hi) for lo, hi, _ in tasks], None)])
    program.set_steps(np.array([[0, SAMPLES, 0, 1]]))
    for setting, value in case.settings.items():
        program.settings[:, setting] = value
    frame, words = program.frames, np.array(tasks, np.int64)
    frame[[records.START, records.SAMPLES]] = 0, SAMPLES
    memory = memory_of(case, program, record)
    scratch = np.full(max(1, blocks * twin.elements(record)), fill, dtype)
    for array in (scratch, words):
        memory.add(array.reshape(-1))
    functions = {
        name: case.operands[name][0]
        for name, kind in DECLARED[case.op].kinds.items()
        if kind.name == "function" and case.operands.get(name) is not None
    }
    Simulator(memory, dtype).launch(
        *(case.op, functions),
        *(array.ctypes.data for array in (record, frame, scratch, words)),
        *(len(words), blocks, threads),
    )
    return case, {name: found(program) for name, found in case.found.items()}
