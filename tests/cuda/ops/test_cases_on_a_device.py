"""Cases of ops through the plans for GPUs, as the benchmark that checks a GPU runs them."""

import numpy as np
import pytest
from cases.ops.every_case import CASES
from running.device_ops import run_on
from running.host_device import HostDevice
from running.op_cases import run


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if number % 8 == 0 else pytest.mark.long)
        for number, name in enumerate(CASES)
    ],
)
def test_the_bits_of_the_cpu(name):
    """With the CPU's ops on memory of its own: all addresses are the device's."""
    case, dtype = CASES[name], getattr(CASES[name], "dtypes", [np.float32])[0]
    _, want = run(case, dtype, np.nan)
    found = run_on(case, dtype, HostDevice)
    assert found.keys() == want.keys()
    for key, array in want.items():
        assert found[key].tobytes() == array.tobytes(), key
