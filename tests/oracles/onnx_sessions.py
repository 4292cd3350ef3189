"""Exported networks in ONNX Runtime, beside the estimators that they come from."""

import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

import fusednn
from fusednn import freeze
from fusednn.serving.model import VALUES, Head, Model
from fusednn.serving.predictor import Predictor

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
"""A share of the largest output; float64's is that of sums in another order."""
BATCHES = (1, 7, 300)
OPSETS = [17]
"""Those that `check_batches` goes through; test_onnx_opsets.py puts all of them here."""


def session_of(estimator, path, opset=17):
    """A session of what the estimator is exported to, after every check that onnx has."""
    fusednn.export_onnx(estimator, path, opset)
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    used = {name for node in proto.graph.node for name in node.input if name}
    assert used == {"X", *(part.name for part in proto.graph.initializer)} | {
        name for node in proto.graph.node for name in node.output if name in used
    }
    onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def run(session, X):
    """Outputs by their names; their shapes and types must be what the session says they are."""
    answers = session.run(None, {"X": X})
    for told, answer in zip(session.get_outputs(), answers, strict=True):
        assert told.shape[0] == "N"
        assert len(answer) == len(X)
        assert all(
            size == known or isinstance(known, str)
            for size, known in zip(answer.shape, told.shape, strict=True)
        )
    names = [told.name for told in session.get_outputs()]
    return dict(zip(names, answers, strict=True))


def check_values(found, expected, tolerance=None):
    """Same shape and type; within the tolerance of the largest."""
    expected = np.asarray(expected)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert np.isfinite(expected).all()
    tolerance = tolerance or TOLERANCE[expected.dtype.name]
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * abs(expected).max())


def check_batches(estimator, X, path, check):
    """`check(answers, rows)` of one session for batches of several sizes, in each opset."""
    for opset in OPSETS:
        session = check_batches_in(opset, estimator, X, path, check)
    return session


def check_batches_in(opset, estimator, X, path, check):
    """The same in one."""
    session = session_of(estimator, path, opset)
    assert [entry.name for entry in session.get_inputs()] == ["X"]
    assert session.get_inputs()[0].shape == ["N", X.shape[1]]
    for count in BATCHES:
        rows = X[:count]
        check(run(session, rows), rows)
    standard = ReferenceEvaluator(str(path))  # as the standard's own authors understand it
    with np.errstate(over="ignore", invalid="ignore"):  # NumPy's, beside the branch that counts
        answers = standard.run(None, {"X": rows})
    check(dict(zip(standard.output_names, answers, strict=True)), rows)
    return session


def check_regressor(estimator, X, path):
    """`variable` is what predict answers, and `std` the deviation where that is learned."""
    predictor = freeze(estimator)
    try:
        predictor.predict(X, return_std=True)
        names = ["variable", "std"]
    except ValueError:
        names = ["variable"]

    def check(answers, rows):
        assert list(answers) == names
        check_values(answers["variable"], estimator.predict(rows))
        if "std" in names:
            check_values(answers["std"], predictor.predict(rows, return_std=True)[1])

    return check_batches(estimator, X, path, check)


def check_classifier(estimator, X, path):
    """Labels and probabilities are those of predict and predict_proba."""

    def check(answers, rows):
        expected, labels = estimator.predict_proba(rows), estimator.predict(rows)
        several = isinstance(expected, list)
        parts = expected if several else [expected]
        names = [f"probabilities_{i}" for i in range(len(parts))] if several else ["probabilities"]
        assert list(answers) == ["label", *names]
        for name, part in zip(names, parts, strict=True):
            check_values(answers[name], part)
        found = answers["label"]
        assert found.shape == labels.shape
        sure = np.ones(len(rows), bool)  # labels of a draw are anyone's
        for part in parts:
            sure &= margins(part, labels.ndim == 2 and not several) > 1e-5
        assert sure.mean() > 0.9
        assert (found[sure] == labels[sure]).all()

    return check_batches(estimator, X, path, check)


def margins(probabilities, multilabel):
    """How far the decision of each row is from another."""
    if multilabel:
        return abs(probabilities - 0.5).min(axis=1)
    if probabilities.shape[1] == 1:
        return np.ones(len(probabilities))
    two = np.sort(probabilities, axis=1)[:, -2:]
    return two[:, 1] - two[:, 0]


def predictor_of(ops, arrays, dtype):
    """Some ops as a predictor of values."""
    head = Head(VALUES, "identity")
    return Predictor(Model(tuple(ops), arrays, head, np.dtype(dtype), ("Ops", "Ops")))
