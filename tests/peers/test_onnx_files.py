"""Exported files: what they say of themselves, and what is refused."""

import json
import sys

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# Without the peers the module ends above, so these imports cannot come first.
import pandas
from oracles.onnx_sessions import predictor_of, run, session_of
from oracles.parity import fit_quietly, run_python
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import fusednn
from fusednn import MLPClassifier, MLPRegressor, export_onnx, freeze
from fusednn.export.onnx.heads import tensor_of
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.epilogue import Epilogue
from fusednn.graph.layers.untrained import GaussianNoise, Identity
from fusednn.plan.binding.activations import epilogue
from fusednn.serving.model import VALUES, Head, Model

pytestmark = pytest.mark.peers
X = np.random.RandomState(0).normal(size=(60, 3))
Y = np.arange(60) % 4


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.onnx"


@pytest.fixture(scope="module")
def fitted():
    return fit_quietly(MLPClassifier((40, 20), max_iter=2, random_state=0), X, Y)


def test_what_a_file_says(path):
    fitted = MLPClassifier((40, 20), dtype="float32", max_iter=2, random_state=0)
    export_onnx(fit_quietly(fitted, X, Y), str(path))
    proto = onnx.load(path)
    assert (proto.ir_version, [(o.domain, o.version) for o in proto.opset_import]) == (
        8,
        [("", 17)],
    )
    assert (proto.producer_name, proto.producer_version) == ("fusednn", fusednn.__version__)
    assert {entry.key: entry.value for entry in proto.metadata_props} == {
        "estimator": "MLPClassifier"
    }
    assert "MLPClassifier" in proto.doc_string
    kinds = [node.op_type for node in proto.graph.node]
    assert kinds == ["Gemm", "Relu", "Gemm", "Relu", "Gemm", "Softmax", "ArgMax", "Identity"]
    names = [entry.name for entry in proto.graph.initializer]
    assert names == [f"layer{i}_dense_{kind}" for i in range(3) for kind in ("weights", "biases")]
    every = [*names, *(name for node in proto.graph.node for name in (node.name, *node.output))]
    assert all(name.isidentifier() for name in every)
    parameters = sum(array.nbytes for array in [*fitted.coefs_, *fitted.intercepts_])
    assert path.stat().st_size < parameters + 2000


def test_names_of_columns(path):
    frame = pandas.DataFrame(X, columns=["height", "größe", "a b"])
    pipe = make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(4,), max_iter=2))
    session = session_of(fit_quietly(pipe, frame, X[:, 0]), path)
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["feature_names"]) == list(frame.columns)
    assert told["estimator"] == "MLPRegressor"


def test_the_same_bytes_each_time(fitted, path):
    export_onnx(fitted, path)
    first = path.read_bytes()
    export_onnx(fitted, path)
    assert path.read_bytes() == first


def test_rounded_weights_are_written_in_float32(fitted, path):
    predictor = freeze(fitted, weights="bfloat16")
    export_onnx(predictor, path)
    written = [onnx.numpy_helper.to_array(part) for part in onnx.load(path).graph.initializer]
    exact = [
        array for pair in zip(fitted.coefs_, fitted.intercepts_, strict=True) for array in pair
    ]
    for array, rounded, own in zip(written, predictor.model().arrays, exact, strict=True):
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, rounded)
        np.testing.assert_allclose(array, own, rtol=2**-8)
    assert not np.array_equal(written[0], exact[0].astype(np.float32))


@pytest.mark.parametrize(
    ("estimator", "error", "words"),
    [
        (MLPClassifier(), NotFittedError, "not fitted"),
        (make_pipeline(StandardScaler(), MLPClassifier()), NotFittedError, "not fitted"),
        (DecisionTreeClassifier(), TypeError, "DecisionTreeClassifier"),
        (make_pipeline(PCA(), MLPClassifier()), TypeError, "PCA"),
        (MLPClassifier, TypeError, "MLPClassifier"),
    ],
    ids=["unfitted", "unfitted pipeline", "tree", "other step", "a class"],
)
def test_estimators_that_are_refused(estimator, error, words, path):
    path.write_bytes(b"as it was")
    with pytest.raises(error, match=words):
        export_onnx(estimator, path)
    assert path.read_bytes() == b"as it was"


def test_layers_that_are_refused(path):
    for op in (GaussianNoise(3, deviation=0.1), Identity(3, Epilogue("no such"))):
        with pytest.raises(TypeError, match=r"ONNX has no form of the .*(Noise|no such)"):
            export_onnx(_Described(op), path)
    assert not path.exists()


class _Described(fusednn.Predictor):
    """Some op as a predictor that was never lowered."""

    def __init__(self, op, arrays=()):
        self._op, self._arrays = op, arrays

    def model(self):
        head = Head(VALUES, "identity")
        return Model((self._op,), self._arrays, head, np.dtype("f4"), ("Ops", "Ops"))


def test_networks_above_two_gibibytes(path):
    for width, far, told in ((30_000, 0, r"3\.4"), (17_000, 1000, r"2\.2")):
        # what is written in float64, for biases that are far, counts as that
        arrays = np.broadcast_to(np.float32(0), (width, width)), np.full(width, far, "f4")
        with pytest.raises(ValueError, match=rf"holds 2 GiB; the network has {told} GiB or more"):
            export_onnx(_Described(Dense(width, width), arrays), path)
    assert not path.exists()


@pytest.mark.parametrize(
    "classes",
    [
        np.array([1, "a"], object),
        np.array([1, 2.5], object),
        np.array([True, 2], object),
        np.array([b"a", b"b"]),
        np.array([1, 2**63], np.uint64),
        np.array([1, 2], "M8[D]"),
        np.array([1, 2], np.longdouble),
    ],
    ids=str,
)
def test_classes_without_a_tensor(classes):
    with pytest.raises(TypeError, match="got classes array"):
        tensor_of(classes)


def test_classes_with_a_tensor():
    for classes in ([3, 2**62], [np.int8(1), 2], ["a", np.str_("b")], [False, np.True_]):
        found = tensor_of(np.array(classes, object))
        assert found.tolist() == classes
    assert tensor_of(np.array([0.5, 1], np.float16)).dtype == np.float32


def test_without_onnx(fitted, path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("fusednn.export.onnx")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'onnx>=1\.18'"):
        export_onnx(fitted, path)
    assert not path.exists()


def test_nothing_is_imported_before_the_first_export():
    code = "import sys, fusednn; fusednn.export_onnx; print('onnx' in sys.modules)"
    assert run_python(code).strip() == "False"


def test_a_directory_that_is_missing(fitted, tmp_path):
    with pytest.raises(FileNotFoundError):
        export_onnx(fitted, tmp_path / "no" / "network.onnx")


def test_deep_networks(path):
    """A thousand layers, which no recursion walks."""
    ops = [Dense(2, 2, epilogue("relu")) for _ in range(1000)]
    arrays = [np.eye(2, dtype="f4"), np.zeros(2, "f4")] * 1000
    answers = run(session_of(predictor_of(ops, arrays, "float32"), path), X[:, :2].astype("f4"))
    np.testing.assert_array_equal(answers["variable"], np.maximum(X[:, :2].astype("f4"), 0))
