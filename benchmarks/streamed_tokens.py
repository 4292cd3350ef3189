"""Contestants of `benchmarks.streams` that take one token after the other, with caches.

The network "gpt-WIDTH-CONTEXT" has 4 pre-norm blocks of 4 heads with learned positions over 65
characters. A turn takes series of as many tokens as the context, each from its first token on.
"""

import math
import time

import numpy as np

COUNT, BLOCKS, HEADS = 65, 4, 4


def made(name):
    """The predictor of a network with weights as drawn, the same with bfloat16, and its series."""
    from fusednn import NetworkClassifier, freeze
    from fusednn.layers import LayerNorm, PositionalEncoding, TokenEmbedding, TransformerBlock

    width, context = map(int, name.split("-")[1:])
    X = np.random.default_rng(0).integers(0, COUNT, size=(2, context))
    X[0, : min(COUNT, context)] = np.arange(min(COUNT, context))
    blocks = [TransformerBlock(HEADS, causal=True) for _ in range(BLOCKS)]
    layers = [TokenEmbedding(width, count=COUNT), PositionalEncoding(), *blocks, LayerNorm()]
    y = np.resize(np.arange(COUNT), (2, context))
    model = NetworkClassifier(layers, random_state=0).initialize(X, y)
    return freeze(model), freeze(model, weights="bfloat16"), X[1]


class Tokens:
    """A contestant: `begin` and `go_on(code)` of a series, which returns logits."""

    def __init__(self, series):
        self.codes = series.tolist()

    def steps(self):
        """The outputs of all steps."""
        self.begin()
        return np.array([self.go_on(code) for code in self.codes]).reshape(len(self.codes), -1)

    def run(self, calls):
        """Seconds of some steps, of one series after the other."""
        begin, go_on, codes, left = self.begin, self.go_on, self.codes, calls
        start = time.perf_counter()
        while left > 0:
            begin()
            for code in codes[:left]:
                go_on(code)
            left -= len(codes)
        return time.perf_counter() - start


class StreamedTokens(Tokens):
    """A stream."""

    def __init__(self, predictor, series):
        super().__init__(series)
        self.stream = predictor.stream()
        self.begin, self.go_on = self.stream.reset, self.stream.step


class SessionTokens(Tokens):
    """ONNX Runtime on what `export_onnx(..., stream=True)` writes; caches are NumPy arrays."""

    def __init__(self, predictor, series):
        super().__init__(series)
        import onnxruntime

        from fusednn import export_onnx

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        proto = export_onnx(predictor, None, stream=True)
        self.session = onnxruntime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        _, *states = self.session.get_inputs()
        shapes = [[size if type(size) is int else 0 for size in one.shape[1:]] for one in states]
        self.names = [one.name for one in states]
        self.empty = [np.zeros((1, *shape), predictor.dtype) for shape in shapes]
        outputs = [one.name for one in self.session.get_outputs()]
        self.wanted = ["probabilities", *(f"next_{name}" for name in self.names)]
        assert set(self.wanted) <= set(outputs)

    def begin(self):
        self.feeds = dict(zip(self.names, self.empty, strict=True))

    def go_on(self, code):
        self.feeds["X"] = np.array([[code]], np.float32)
        probabilities, *states = self.session.run(self.wanted, self.feeds)
        self.feeds = dict(zip(self.names, states, strict=True))
        return probabilities


class TorchTokens(Tokens):
    """PyTorch, with caches that a step is written into."""

    def __init__(self, predictor, series):
        super().__init__(series)
        import torch

        torch.set_num_threads(1)
        arrays = [torch.from_numpy(array) for array in predictor.model().arrays]
        arrays = [one.T.contiguous() if one.ndim == 2 else one for one in arrays]
        self.table, self.places = arrays[0].T.contiguous(), arrays[1].T.contiguous()
        self.blocks = [arrays[2 + 12 * k : 14 + 12 * k] for k in range(BLOCKS)]
        self.end = arrays[2 + 12 * BLOCKS :]
        width, steps = self.table.shape[1], len(series)
        self.shape = (1, HEADS, 1, width // HEADS)
        self.caches = [torch.zeros(2, HEADS, steps, width // HEADS) for _ in range(BLOCKS)]
        self.torch = torch

    def begin(self):
        self.at = 0

    def go_on(self, code):
        torch = self.torch
        with torch.inference_mode():
            return self._logits(code, torch.nn.functional).numpy()

    def _logits(self, code, F):
        x, at = self.table[code] + self.places[self.at], self.at
        width = x.shape[-1]
        for (g, b, w, c, v, d, h, k, w1, b1, w2, b2), cache in zip(
            self.blocks, self.caches, strict=True
        ):
            q, *kv = F.linear(F.layer_norm(x, (width,), g, b), w, c).split(width)
            for own, new in zip(cache, kv, strict=True):
                own[:, at] = new.view(HEADS, -1)
            seen = cache[:, None, :, : at + 1]
            y = F.scaled_dot_product_attention(q.view(self.shape), *seen)
            x = x + F.linear(y.reshape(width), v, d)
            y = F.gelu(F.linear(F.layer_norm(x, (width,), h, k), w1, b1))
            x = x + F.linear(y, w2, b2)
        self.at += 1
        scale, shift, w, b = self.end
        return F.linear(F.layer_norm(x, (width,), scale, shift), w, b)


def field_of(name):
    """The contestants of a network by name, after a comparison of what they answer."""
    predictor, rounded, series = made(name)
    field = {
        "stream": StreamedTokens(predictor, series),
        "bfloat16": StreamedTokens(rounded, series),
        "onnxruntime": SessionTokens(predictor, series),
        "torch": TorchTokens(predictor, series),
    }
    want = field["stream"].steps()
    e = np.exp(want - want.max(axis=1, keepdims=True))
    np.testing.assert_allclose(field["torch"].steps(), want, atol=1e-4)
    found = field["onnxruntime"].steps()
    np.testing.assert_allclose(found, e / e.sum(axis=1, keepdims=True), atol=1e-5)
    assert math.isfinite(field["bfloat16"].steps().sum())
    return field, sum(array.nbytes for array in predictor.model().arrays)
