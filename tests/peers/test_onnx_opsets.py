"""Networks in every opset: what the other tests run in one of them."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

# Without the peers the module ends above, so these imports cannot come first.
import test_onnx
import test_onnx_data
import test_onnx_heads
from fusednn.kernels.activations import ACTIVATIONS
from oracles import onnx_sessions
from oracles.onnx_sessions import predictor_of, session_of
from oracles.parity import fit_quietly

from fusednn import MLPRegressor, export_onnx
from fusednn.graph.layers.untrained import Identity

pytestmark = pytest.mark.peers
NEWEST = onnx.defs.onnx_opset_version()
OPSETS = range(13, NEWEST + 1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.onnx"


@pytest.fixture(scope="session")
def known(tmp_path_factory):
    """Those that the installed ONNX Runtime reads."""
    path, found = tmp_path_factory.mktemp("opsets") / "network.onnx", []
    for opset in OPSETS:
        try:
            session_of(predictor_of([Identity(1)], [], "float32"), path, opset)
        except Exception as error:
            if "pset" not in str(error) and "IR version" not in str(error):
                raise
            continue
        found.append(opset)
    assert {13, 17, 20} <= set(found)
    return found


@pytest.fixture
def all_opsets(known, monkeypatch):
    monkeypatch.setattr(onnx_sessions, "OPSETS", known)


@pytest.fixture
def some_opsets(known, monkeypatch):
    """The first, those where an operator's inputs changed, and the last."""
    monkeypatch.setattr(onnx_sessions, "OPSETS", [13, 17, 18, known[-1]])


DTYPES = "float32", "float64"


def named(loss):
    return getattr(loss, "__name__", str(loss))


def pairs(names, dtypes):
    return [(name, dtype) for name in names for dtype in dtypes]


def test_layers(some_opsets, path):
    for name in ("nested", "embedding, sizes", "layer norm"):
        test_onnx.test_layers(name, "float64", path)


def test_activations(some_opsets, path, digits):
    for activation in ("leaky_relu", "gelu", "mish", "hard_swish", "softplus"):
        test_onnx.test_activations(activation, "float64", digits, path)


def test_heads(some_opsets, path):
    test_onnx_heads.test_several_columns("strings", "float32", path)
    test_onnx_heads.test_several_labels("float32", path)
    test_onnx_heads.test_losses_of_regressors("gaussian", 2, "float64", path)


@pytest.mark.long
@pytest.mark.parametrize(("activation", "dtype"), pairs(ACTIVATIONS, DTYPES))
def test_every_activation(activation, dtype, all_opsets, digits, path):
    test_onnx.test_activations(activation, dtype, digits, path)


@pytest.mark.long
@pytest.mark.parametrize(("name", "dtype"), pairs(test_onnx.NETWORKS, DTYPES))
def test_every_layer(name, dtype, all_opsets, path):
    test_onnx.test_layers(name, dtype, path)


@pytest.mark.long
@pytest.mark.parametrize(("name", "dtype"), pairs(test_onnx_heads.CLASSES, DTYPES))
def test_every_kind_of_classes(name, dtype, all_opsets, path):
    test_onnx_heads.test_classes(name, dtype, path)


@pytest.mark.long
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_kind_of_labels_and_columns(dtype, all_opsets, path):
    test_onnx_heads.test_several_labels(dtype, path)
    for kind in ("integers", "strings", "objects"):
        test_onnx_heads.test_several_columns(kind, dtype, path)


@pytest.mark.long
@pytest.mark.parametrize(("loss", "dtype"), pairs(test_onnx_heads.LOSSES, DTYPES), ids=named)
def test_every_loss(loss, dtype, all_opsets, path):
    for targets in (1, 2):
        test_onnx_heads.test_losses_of_regressors(loss, targets, dtype, path)


@pytest.mark.long
@pytest.mark.parametrize(("name", "dtype"), pairs(test_onnx_data.SCALERS, DTYPES))
def test_every_scaler(name, dtype, all_opsets, path):
    for far in (0, 1e5):
        test_onnx_data.test_pipelines(name, far, dtype, path)


# -- the option --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model():
    X = np.eye(3)
    return fit_quietly(MLPRegressor("squared_error", (3,), max_iter=2, random_state=0), X, X[0])


def test_what_a_file_says(model, path):
    """Its opset, and the lowest IR version that has it."""
    for opset in OPSETS:
        export_onnx(model, path, opset=opset)
        proto = onnx.load(path)
        assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", opset)]
        assert proto.ir_version == onnx.helper.find_min_ir_version_for(proto.opset_import)
    export_onnx(model, path)
    assert path.read_bytes() == export_onnx(model, None, 17).SerializeToString(deterministic=True)


def test_without_a_path_the_model_comes_back(model, path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = export_onnx(model, None, opset=np.int64(15))
    assert isinstance(found, onnx.ModelProto)
    assert list(tmp_path.iterdir()) == []
    assert export_onnx(model, path, opset=15) is None
    assert onnx.load(path) == found


@pytest.mark.parametrize("opset", [12, NEWEST + 1, 0, -17, 17.0, "17", None, True])
def test_other_opsets_are_refused(model, opset, path):
    for place in (path, None):
        with pytest.raises(ValueError, match=rf"opset must be an integer from 13 to {NEWEST}, "):
            export_onnx(model, place, opset)
    assert not path.exists()
