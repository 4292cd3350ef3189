"""`fusednn.optimizers`: plain values, checked when they are made."""

import copy
import pickle
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest
from every_part import KNOWN
from oracles.parity import run_python

import fusednn
from fusednn.optimizers import NAMED, SGD, Adagrad, Adam, AdamW, Lion, NAdam, Optimizer, RMSprop

each_kind = pytest.mark.parametrize("kind", KNOWN["optimizer"])


@each_kind
def test_values(kind):
    one = kind()
    assert one == kind()
    assert hash(one) == hash(kind())
    for other in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one), eval(repr(one))):
        assert other == one
    name = fields(kind)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(one, name, 0.5)
    assert kind(**{name: np.float32(0.25)}) == kind(**{name: 0.25}) != one


def test_defaults_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    parameters = [torch.zeros(1)]
    pairs = [
        (SGD(), torch.optim.SGD(parameters)),
        (RMSprop(), torch.optim.RMSprop(parameters)),
        (Adagrad(), torch.optim.Adagrad(parameters)),
        (Adam(), torch.optim.Adam(parameters)),
        (AdamW(), torch.optim.AdamW(parameters)),
        (NAdam(), torch.optim.NAdam(parameters)),
    ]
    for ours, theirs in pairs:
        values = {**theirs.defaults, "epsilon": theirs.defaults.get("eps")}
        values["decay_schedule"] = None  # PyTorch has none
        values["beta_1"], values["beta_2"] = theirs.defaults.get("betas", (None, None))
        for field in fields(ours):
            assert getattr(ours, field.name) == values[field.name]


BELOW_ONE = [-0.1, 1.0, 1.5, float("nan")]
NOT_NEGATIVE = [-1e-9, float("inf"), float("nan"), "0.1", None]
REFUSED = [
    *((SGD, "momentum", value) for value in BELOW_ONE),
    (SGD, "nesterov", "yes"),
    (SGD, "nesterov", True),  # of no momentum
    *((RMSprop, "alpha", value) for value in BELOW_ONE),
    *((kind, name, 1.0) for kind in (Adam, AdamW, NAdam, Lion) for name in ("beta_1", "beta_2")),
    *((kind, "epsilon", 0.0) for kind in (RMSprop, Adagrad, Adam, AdamW, NAdam)),
    (Adam, "epsilon", 1e-50),  # zero in float32
    (Adam, "amsgrad", None),
    *((kind, "weight_decay", value) for kind in (AdamW, Lion) for value in NOT_NEGATIVE),
    *((NAdam, "momentum_decay", value) for value in NOT_NEGATIVE),
]


@pytest.mark.parametrize(("kind", "name", "value"), REFUSED)
def test_refused(kind, name, value):
    with pytest.raises(ValueError, match=f"{name} of {kind.__name__}"):
        kind(**{name: value})


def test_the_base_is_no_optimizer():
    with pytest.raises(TypeError, match="is a base class"):
        Optimizer()


def test_names():
    assert NAMED["amsgrad"] == Adam(amsgrad=True)
    assert {type(one).__name__.lower() for one in NAMED.values()} >= {*NAMED} - {"amsgrad"}


LIGHT = """
import sys
import fusednn
print(fusednn.optimizers.Lion().beta_2, "optimizers" in dir(fusednn))
print(sorted({"numpy", "sklearn", "scipy", "numba"} & set(sys.modules)))
"""


def test_imported_on_first_use_and_light():
    assert run_python(LIGHT).split("\n")[:2] == ["0.99 True", "[]"]
    assert fusednn.optimizers.AdamW is AdamW
