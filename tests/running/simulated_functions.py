"""Device functions in the simulator of GPUs."""

import numpy as np
from oracles.simulated_gpu.memory import Memory
from oracles.simulated_gpu.running import arithmetic_of, launch
from oracles.simulated_gpu.translating import Translated


def run(function, *arrays, grid=(1, 8)):
    """Launches a device function of pointers to arrays."""
    memory = Memory()
    for array in arrays:
        memory.add(array)
    pointers = [memory.pointer(array.ctypes.data, array.dtype) for array in arrays]
    with arithmetic_of(arrays[0].dtype):
        launch(Translated(memory)(function), *grid, lambda block: pointers)
    return arrays[0]


def zeros(n, dtype=np.float32):
    return np.zeros(n, dtype)
