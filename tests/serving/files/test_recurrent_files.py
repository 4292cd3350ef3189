"""What a file of recurrences may not say; each is refused in one sentence, before much memory."""

import io
import json
import tracemalloc

import numpy as np
import pytest
from cases.mutations import joined, split
from cases.window_networks import model_of
from numpy.testing import assert_array_equal

from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.recurrent import Recurrent
from fusednn.graph.layers.reshape import Reshape
from fusednn.serving.files.fields import Refused
from fusednn.serving.files.reading import KEY
from fusednn.serving.loading import read_predictor
from fusednn.serving.predictor import Predictor

HUGE = 2**31 - 1
OPS = (
    Reshape((5, 2)),
    Recurrent(2, 3, "gru", sequences=True, both=True),
    Recurrent(6, 4, "lstm"),
    Dense(4, 2),
)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("recurrences") / "model"
    Predictor(model_of(OPS, "float64")).save(path)
    return path.read_bytes()


def _op(at, **changes):
    return lambda plan: plan["ops"][at].update(changes)


def _long(plan):
    plan["ops"][0]["shape"] = [HUGE, 2]


GRU, LSTM = 1, 2


def _labels_of_steps(plan):
    plan["ops"][LSTM]["sequences"] = True
    classes = [{"dtype": "int64", "values": [0, 1]}]
    plan["head"] |= {"kind": "multilabel", "link": "logistic", "classes": classes}


WRONG = {
    "version 5": (lambda plan: plan.update(version=5, axes=None), "version 5 of its format has"),
    "no cell": (_op(LSTM, cell=None), "cell must be one of"),
    "another cell": (_op(LSTM, cell="peephole"), "cell must be one of"),
    "no flag": (_op(LSTM, both=0), "both must be true or false"),
    "no units": (_op(LSTM, units=0), "units must be an integer from 1"),
    "huge": (_op(LSTM, units=HUGE), "units is more than the tensors have elements"),
    "other units": (_op(LSTM, units=5), "takes 4 columns, but the op before it has 5"),
    "other channels": (_op(LSTM, fan_in=5), r"takes axes \(steps, 5\), but the op"),
    "one direction": (_op(GRU, both=False), r"takes axes \(steps, 6\), but the op"),
    "no steps left": (_op(GRU, sequences=False), r"takes axes \(steps, 6\), but the op"),
    "a cell of other columns": (_op(LSTM, cell="tanh"), "is expected"),
    "labels of steps": (_labels_of_steps, "must end with one row for each sample, for multilabel"),
    "too many steps": (_long, "more elements than a network of its tensors can have"),
    "a key more": (_op(LSTM, peepholes=True), "'peepholes', which is not known"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_in_little_memory(name, written):
    change, words = WRONG[name]
    header, tensors = split(written)
    plan = json.loads(header["__metadata__"][KEY])
    change(plan)
    header["__metadata__"][KEY] = json.dumps(plan)
    data = joined(header, tensors)
    tracemalloc.start()
    try:
        with pytest.raises(Refused, match=words) as caught:
            read_predictor(io.BytesIO(data))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert peak < 2_000_000 + 30 * len(data)


def test_sums_of_all_steps_are_counted(tmp_path):
    """A last state is small, but the sums of the gates before it are not."""
    steps = 2**17
    ops = Reshape((steps, 1)), Recurrent(1, 40, "lstm"), Dense(40, 2)
    with pytest.raises(ValueError, match="wider than its tensors can be"):
        Predictor(model_of(ops, "float32")).save(tmp_path / "model")


def test_an_unchanged_plan_is_read(written):
    header, tensors = split(written)
    plan = json.loads(header["__metadata__"][KEY])
    assert plan["version"] == 6
    after = {"activation": "identity", "constants": []}
    assert plan["ops"][GRU] == {
        **{"op": "Recurrent", "fan_in": 2, "units": 3, "cell": "gru", "sequences": True},
        **{"both": True, "after": after},
    }
    assert "ops.1.reverse_recurrent_biases" in header
    predictor = read_predictor(io.BytesIO(joined(header, tensors)))
    X = np.random.RandomState(0).normal(size=(9, 10))
    assert_array_equal(predictor(X), Predictor(model_of(OPS, "float64"))(X))
