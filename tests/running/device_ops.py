"""Cases of ops on a device, by the plans for GPUs: the records of the CPU with other addresses."""

import numpy as np
from running.op_cases import SAMPLES, Memory

from fusednn.plan.binding.program import Task
from fusednn.plan.cuda.program import CudaProgram
from fusednn.plan.memory.buffers import Block
from fusednn.training.cuda.team import CudaTeam


def arrays_of(case):
    """The arrays of a case's operands, and those that its results are read from."""
    values = list(case.operands.values())
    for found in case.found.values():
        for value in found.__defaults__ or ():
            values += value if isinstance(value, list) else [value]
    values = [value.values if isinstance(value, Block) else value for value in values]
    return [_whole(value) for value in values if isinstance(value, np.ndarray) and value.size]


def _whole(array):
    """The array that a view is of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def point_tables(program, arrays):
    """Notes the addresses in tables that a case has written by itself."""
    known = {array.ctypes.data: array for array in arrays}
    noted = {(id(one.words), one.at) for one in program.all_pointers}
    for words in {id(one): one for one in arrays if one.dtype == np.int64}.values():
        for at, word in enumerate(words.reshape(-1)):
            if int(word) in known and (id(words), at) not in noted:
                program.point(words.reshape(-1), at, known[int(word)])


def run_on(case_of, dtype, opened):
    """Runs a case on a device that `opened` opens; what it has written."""
    case = case_of(Memory(dtype, np.nan))
    program = CudaProgram(dtype, 1, max(case.scratch, 1))
    record = program.record(case.op, case.operands)
    program.set_stages([([Task([record], lo, hi) for lo, hi in case.splits[0]], None)])
    program.set_steps(np.array([[0, SAMPLES, 0, 1]]))
    for setting, value in case.settings.items():
        program.settings[:, setting] = value
    arrays = arrays_of(case)
    point_tables(program, arrays)
    program.memory.kept.extend(arrays)  # all of what operands are views of
    with CudaTeam(program, opened) as team:
        team.run(0, 1)
        team.pull([*arrays, program.totals])
    return {name: found(program) for name, found in case.found.items()}
