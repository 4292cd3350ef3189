"""The public names of the kernels package, imported on first use."""

import numpy as np
import pytest

from fusednn import kernels


@pytest.mark.parametrize("name", kernels.__all__)
def test_public_name(name):
    assert name in dir(kernels)
    assert getattr(kernels, name) is not None


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'dense'"):
        kernels.__getattr__("dense")


def test_maths_is_called_from_python():
    for dtype in (np.float32, np.float64):
        for name in ("exp", "log1p", "softplus"):
            assert getattr(kernels, name)(dtype(0.5)) == pytest.approx(
                {"exp": np.exp(0.5), "log1p": np.log(1.5), "softplus": np.log1p(np.exp(0.5))}[name]
            )
