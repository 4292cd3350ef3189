"""The libraries whose predictions `inference` times: a class for each, with the same weights.

A predictor takes a fitted fusednn classifier, rows and the number of threads. `probabilities()` is
one call; `run(calls)` returns the seconds of several. fusednn and scikit-learn are called as users
do and check their input; ONNX Runtime and PyTorch get an array of the right type. For two classes
all have one logistic output: the peers return only its probability, the estimators those of both
classes.
"""

import warnings
from typing import ClassVar

import numpy as np

from .contestants import timed

OPSET, IR = 17, 9
"""Versions of the ONNX model, which every ONNX Runtime of the extra can read."""


class _Predictor:
    def __init__(self, model, X, threads):
        self.model, self.X, self.threads = model, X, threads
        self.layers = list(zip(model.coefs_, model.intercepts_, strict=True))

    def prepare(self):
        self.run(2)

    def run(self, calls):
        return timed(self._calls, calls)

    def _calls(self, calls):
        for _ in range(calls):
            self.probabilities()


class Fusednn(_Predictor):
    """fusednn.MLPClassifier.predict_proba."""

    def probabilities(self):
        return self.model.predict_proba(self.X)


class ScikitLearn(_Predictor):
    """sklearn.neural_network.MLPClassifier.predict_proba, with BLAS limited to the threads."""

    def __init__(self, model, X, threads):
        super().__init__(model, X, threads)
        from sklearn.neural_network import MLPClassifier

        classes = model.classes_
        hidden = [w.shape[1] for w in model.coefs_[:-1]]
        self.estimator = MLPClassifier(hidden, max_iter=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.estimator.fit(np.zeros((len(classes), X.shape[1]), X.dtype), classes)
        self.estimator.coefs_, self.estimator.intercepts_ = model.coefs_, model.intercepts_

    def probabilities(self):
        return self.estimator.predict_proba(self.X)

    def run(self, calls):
        from threadpoolctl import threadpool_limits

        with threadpool_limits(self.threads):
            return super().run(calls)


class Torch(_Predictor):
    """PyTorch's forward pass in inference mode."""

    def __init__(self, model, X, threads):
        super().__init__(model, X, threads)
        import torch
        from torch import nn

        torch.set_num_threads(threads)
        self.torch, self.rows = torch, torch.from_numpy(X)
        parts = []
        for w, b in self.layers:
            linear = nn.Linear(*w.shape, dtype=self.rows.dtype)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(w.T.copy()))
                linear.bias.copy_(torch.from_numpy(b))
            parts += [linear, nn.ReLU()]
        parts[-1] = nn.Sigmoid() if len(model.classes_) == 2 else nn.Softmax(dim=1)
        self.forward = nn.Sequential(*parts).eval()

    def probabilities(self):
        with self.torch.inference_mode():
            return self.forward(self.rows).numpy()


class OnnxRuntime(_Predictor):
    """ONNX Runtime with all optimisations: Gemm and Relu, then Softmax or Sigmoid."""

    def __init__(self, model, X, threads):
        super().__init__(model, X, threads)
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(
            self._graph().SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def _graph(self):
        from onnx import helper, numpy_helper

        element = helper.np_dtype_to_tensor_dtype(self.X.dtype)
        nodes, weights, name = [], [], "x"
        for index, (w, b) in enumerate(self.layers):
            for kind, part in (("w", w), ("b", b)):
                weights.append(
                    numpy_helper.from_array(np.ascontiguousarray(part), f"{kind}{index}")
                )
            sums, after = f"z{index}", f"a{index}"
            nodes.append(helper.make_node("Gemm", [name, f"w{index}", f"b{index}"], [sums]))
            nodes.append(helper.make_node("Relu", [sums], [after]))
            name = after
        last = "Sigmoid" if len(self.model.classes_) == 2 else "Softmax"
        nodes[-1] = helper.make_node(last, [sums], [name])
        inputs, outputs = (
            [helper.make_tensor_value_info(end, element, ["rows", size])]
            for end, size in (("x", len(self.layers[0][0])), (name, len(self.layers[-1][1])))
        )
        graph = helper.make_graph(nodes, "mlp", inputs, outputs, weights)
        opset = helper.make_opsetid("", OPSET)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR)

    def probabilities(self):
        return self.session.run(None, {"x": self.X})[0]

    def _calls(self, calls):
        run, X = self.session.run, self.X
        for _ in range(calls):
            run(None, {"x": X})


class Frozen(_Predictor):
    """A predictor's probabilities, without the search for NaN."""

    options: ClassVar[dict] = {"validate": False}

    def __init__(self, model, X, threads):
        super().__init__(model, X, threads)
        from fusednn import freeze

        self.frozen = freeze(model, n_jobs=threads)

    def probabilities(self):
        return self.frozen.predict_proba(self.X, **self.options)

    def _calls(self, calls):
        answer, X, options = self.frozen.predict_proba, self.X, self.options
        for _ in range(calls):
            answer(X, **options)


class Validated(Frozen):
    """A predictor's probabilities with default options."""

    options: ClassVar[dict] = {}


class FrozenOut(Frozen):
    """A predictor's probabilities, written to an existing array."""

    def __init__(self, model, X, threads):
        super().__init__(model, X, threads)
        self.options = {"validate": False, "out": self.frozen.predict_proba(X)}


class FrozenLabels(Validated):
    """A predictor's labels."""

    def probabilities(self):
        return self.frozen.predict(self.X)

    def _calls(self, calls):
        answer, X = self.frozen.predict, self.X
        for _ in range(calls):
            answer(X)


class ScikitLearnLabels(ScikitLearn):
    """scikit-learn's labels."""

    def probabilities(self):
        return self.estimator.predict(self.X)


FROZEN = {
    "frozen": Frozen,
    "validated": Validated,
    "out": FrozenOut,
    "labels": FrozenLabels,
    "sklearn labels": ScikitLearnLabels,
}
"""Further contestants for one row."""

PREDICTORS = {
    "fusednn": Fusednn,
    "onnxruntime": OnnxRuntime,
    "sklearn": ScikitLearn,
    "torch": Torch,
}
