"""Compares a step of a stream with its peers', and with the time to read the weights.

    python -m benchmarks.streams [--repeats 11] [--seconds 0.05] [--networks lstm-128 ...]
                                 [--json PATH]

One thread, float32, 16 features. "stream" is `stream.step(x)`, "out" the same into an array and
without the search for NaN. "onnxruntime" runs what `export_onnx(..., stream=True)` writes: its
states are inputs and outputs, NumPy arrays that each call gets from the one before. "bound" runs
the same model with all of them bound to memory in advance, whose states are not carried on.
Networks "gpt-..." take tokens (`streamed_tokens.py`): there "bfloat16" is a stream with rounded
weights, "onnxruntime" has caches of keys and values as states, and "torch" writes into caches.

Outputs are compared over some steps before anything is timed. Between the rounds one core reads as
many bytes as the weights have, from the cache that they lie in.
"""

import time

import numpy as np

from benchmarks.measuring.environment import restart_with
from benchmarks.measuring.report import begin, parser, write
from benchmarks.measuring.rounds import ratio, summary, take_turns

FEATURES, STEPS = 16, 50
NETWORKS = ("lstm-128", "gru-128", "lstm-16", "lstm-256", "convolutions", "gpt-128-64")
TOKENS = ("gpt-128-256", "gpt-256-64", "gpt-512-64", "gpt-768-64")


def layers_of(name):
    """The layers of a network."""
    from fusednn.layers import GRU, LSTM, Conv1D

    if name == "convolutions":
        dilations = (1, 2, 4, 8)
        causal = [Conv1D(32, 3, "relu", padding="causal", dilation=d) for d in dilations]
        return [*causal, GRU(32)]
    kind, units = name.split("-")
    return [{"lstm": LSTM, "gru": GRU}[kind](int(units))]


class Streamed:
    """Steps of a stream."""

    def __init__(self, stream, X, **options):
        self.stream, self.X, self.options = stream, X, options

    def steps(self):
        """The outputs of all steps."""
        self.stream.reset()
        return np.array([self.stream.step(x, **self.options) for x in self.X])

    def run(self, calls):
        """Seconds of some steps."""
        step, x, options = self.stream.step, self.X[0], self.options
        start = time.perf_counter()
        for _ in range(calls):
            step(x, **options)
        return time.perf_counter() - start


class Session:
    """The same by ONNX Runtime."""

    def __init__(self, predictor, X):
        import onnxruntime

        from fusednn import export_onnx

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        proto = export_onnx(predictor, None, stream=True)
        self.session = onnxruntime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.X = X[:, np.newaxis]
        _, *states = self.session.get_inputs()
        self.start = {one.name: np.zeros((1, *one.shape[1:]), X.dtype) for one in states}
        self.names = list(self.start)

    def _go_on(self, x, feeds):
        feeds["X"] = x
        outputs = self.session.run(None, feeds)
        return outputs[0], dict(zip(self.names, outputs[1:], strict=True))

    def steps(self):
        """The outputs of all steps."""
        found, feeds = [], dict(self.start)
        for x in self.X:
            output, feeds = self._go_on(x, feeds)
            found.append(output[0])
        return np.array(found)

    def run(self, calls):
        """Seconds of some steps."""
        x, feeds = self.X[0], dict(self.start)
        start = time.perf_counter()
        for _ in range(calls):
            _, feeds = self._go_on(x, feeds)
        return time.perf_counter() - start


class Bound(Session):
    """The same with inputs and outputs bound to memory."""

    def run(self, calls):
        """Seconds of some first steps."""
        binding = self.session.io_binding()
        for name, values in {"X": self.X[0], **self.start}.items():
            binding.bind_cpu_input(name, values)
        for one in self.session.get_outputs():
            binding.bind_output(one.name)
        run = self.session.run_with_iobinding
        start = time.perf_counter()
        for _ in range(calls):
            run(binding)
        return time.perf_counter() - start


def answer_steps(name, options):
    """`timed` of one network."""
    if name.startswith("gpt"):
        from .streamed_tokens import field_of

        return timed(name, *field_of(name), options)
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils._testing import ignore_warnings

    from fusednn import NetworkRegressor, freeze

    X = np.random.default_rng(0).normal(size=(64, STEPS, FEATURES)).astype(np.float32)
    model = NetworkRegressor(layers_of(name), max_iter=1, random_state=0)
    ignore_warnings(category=ConvergenceWarning)(model.fit)(X, X[:, -1, 0])
    predictor = freeze(model)
    out = np.empty(1, np.float32)
    field = {
        "stream": Streamed(predictor.stream(), X[0]),
        "out": Streamed(predictor.stream(), X[0], out=out, validate=False),
        "onnxruntime": Session(predictor, X[0]),
        "bound": Bound(predictor, X[0]),
    }
    want = field["stream"].steps()
    for one in field.values():
        if one is not field["out"]:
            np.testing.assert_allclose(one.steps().reshape(STEPS, -1), want, atol=1e-5)
    return timed(name, field, sum(array.nbytes for array in predictor.model().arrays), options)


def timed(name, field, size, options):
    """All rounds of contestants: microseconds per step, and the reads of so many bytes."""
    from .inference import count_calls
    from .reads import Reader

    field = {key: (one, count_calls(one, options.seconds)) for key, one in field.items()}
    reader = Reader(size)
    turns, reads = take_turns(
        field, lambda one, calls: 1e6 * one.run(calls) / calls, options.repeats,
        lambda: reader.gbytes(options.seconds),
    )  # fmt: skip
    times = {key: summary(rounds) for key, rounds in turns.items()}
    gbytes = sorted(reads)[len(reads) // 2]
    return {
        "network": name,
        "step_us": times,
        "weights_bytes": size,
        "read_gbytes": gbytes,
        "read_us": size / gbytes / 1e3,
    }


def main():
    """Runs the comparison and prints the table."""
    found = parser(__doc__, repeats=11, seconds=0.05, threads=None)
    found.add_argument("--networks", nargs="+", choices=NETWORKS + TOKENS, default=list(NETWORKS))
    options = found.parse_args()
    restart_with(1)
    report = begin(options, threads=1)
    results = []
    for name in options.networks:
        result = answer_steps(name, options)
        results.append(result)
        times = result["step_us"]
        each = ", ".join(f"{key} {one['median']:.2f}" for key, one in times.items())
        ours, read = times["stream"], result["read_us"]
        ratios = ", ".join(
            f"{key} {ratio(one['rounds'], ours['rounds'])['medians']:.2f}"
            for key, one in times.items()
            if key != "stream"
        )
        print(
            f"{name}, one step, us: {each}\n"
            f"    over stream: {ratios}; weights {result['weights_bytes'] / 1e3:.0f} KB,"
            f" read in {read:.2f} us: {read / ours['median']:.0%} of stream, which takes"
            f" {(ours['median'] - 1) / read:.2f} times that and 1 us"
        )
    write(options.json, report | {"results": results})


if __name__ == "__main__":
    main()
