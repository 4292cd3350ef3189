"""A reader of files of models by the words of docs/files.md alone, in NumPy."""

import json

import numpy as np
import safetensors
from scipy.special import expit, log1p, ndtr, softmax

DEFAULTS = {
    "leaky_relu": [0.01],
    "elu": [1, 1],
    "selu": [1.0507009873554805, 1.7580993408473766],
}
FUNCTIONS = {
    "identity": lambda z: z,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "logistic": expit,
    "leaky_relu": lambda z, a: np.where(z > 0, z, a * z),
    "elu": lambda z, a, b: np.where(z > 0, a * z, b * np.expm1(np.minimum(z, 0))),
    "softplus": lambda z: np.logaddexp(0, z),
    "gelu": lambda z: z * ndtr(z),
    "gelu_tanh": lambda z: z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))) / 2,
    "silu": lambda z: z * expit(z),
    "mish": lambda z: z * np.tanh(log1p(np.exp(z))),
    "hard_swish": lambda z: z * np.clip(z + 3, 0, 6) / 6,
}
FUNCTIONS["selu"] = FUNCTIONS["elu"]


def outputs(path, x):
    """The logits of rows x, in float64, and the plan."""
    with safetensors.safe_open(path, "np") as file:
        plan = json.loads(file.metadata()["fusednn"])
        tensors = {name: file.get_tensor(name).astype(float) for name in file.keys()}  # noqa: SIM118 - file is no dict
    assert plan["version"] in range(1, 11)
    x = x.reshape(len(x), -1)  # the first op gives rows their axes
    if plan.get("columns"):
        x = x[:, plan["columns"]["chosen"]]
    return run(plan["ops"], "ops", tensors, x), plan


def run(ops, where, tensors, x):
    for at, op in enumerate(ops):
        if op["op"] == "Mirrored":
            x = mirrored(ops, at, where, tensors, x)
        else:
            x = result(op, f"{where}.{at}", tensors, x)
        name, constants = op["after"]["activation"], op["after"]["constants"]
        x = FUNCTIONS[name](x, *(constants or DEFAULTS.get(name, [])))
    return x


def mirrored(ops, at, where, tensors, x):
    """A product with the weights of the dense layer `of`, transposed."""
    assert ops[ops[at]["of"]]["op"] == "Dense"
    return x @ tensors[f"{where}.{ops[at]['of']}.weights"].T + tensors[f"{where}.{at}.biases"]


def result(op, where, tensors, x):
    def of(*names):
        return [tensors[f"{where}.{name}"] for name in names]

    match op["op"]:
        case "Dense":
            w, b = of("weights", "biases")
            if op["weight_norm"]:
                w = w / np.linalg.norm(w, axis=0) * of("lengths")[0]
            return x @ w + b
        case "BatchNorm":
            scale, shift, mean, variance = of("scale", "shift", "mean", "variance")
            return scale * (x - mean) / np.sqrt(variance + op["epsilon"]) + shift
        case "LayerNorm" if op["centered"]:
            scale, shift = of("scale", "shift")
            mean, variance = x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True)
            return scale * (x - mean) / np.sqrt(variance + op["epsilon"]) + shift
        case "LayerNorm":
            return of("scale")[0] * x / np.sqrt((x**2).mean(-1, keepdims=True) + op["epsilon"])
        case "PReLU":
            return np.where(x > 0, x, of("slopes")[0] * x)
        case "Parametric":
            name, constants = op["function"]["activation"], op["function"]["constants"]
            [shares] = of("shares")
            y = FUNCTIONS[name](x, *(constants or DEFAULTS.get(name, [])))
            return x + shares * (y - x)
        case "Periodic":
            return periodic(op, of, x)
        case "PiecewiseLinear":
            return piecewise_linear(op, of, x)
        case "Scaling":
            return x * of("factors")[0]
        case "Scale":
            mean, factor = of("mean", "factor")
            return (x - mean) * factor
        case "Rescale":
            before, factor, divisor, after = of("before", "factor", "divisor", "after")
            return np.clip((x + before) * factor / divisor + after, *of("low", "high"))
        case "Through" | "Noise":
            return x
        case "Embedding":
            parts = [np.delete(x, op["columns"], axis=1)]
            for number, column in enumerate(op["columns"]):
                parts.append(of(str(number))[0][x[:, column].astype(int)])
            return np.hstack(parts)
        case "TokenEmbedding":
            return of("vectors")[0][x.astype(int)]
        case "Reshape":
            first, *others = op["shape"]
            if not op["channels_first"]:
                return x.reshape(len(x), first, *others)
            return np.moveaxis(x.reshape(len(x), first, *others), 1, -1)
        case "Convolution":
            return convolved(x, *of("weights", "biases"), op["windows"], op["groups"])
        case "Pooling":
            found = pooled(x, op["windows"], op["largest"])
            return found.reshape(len(x), -1) if op["is_whole"] else found
        case "TransposedConvolution":
            return transposed(x, *of("weights", "biases"), op["windows"], op["groups"])
        case "UpSampling":
            for axis, factor in enumerate(op["factors"], start=1):
                x = np.repeat(x, factor, axis)
            return x
        case "Recurrent":
            states = [recurred(op, of, x, prefix) for prefix in ("", "reverse_")[: 1 + op["both"]]]
            return np.concatenate(states, axis=-1)
        case "Chain":
            return run(op["inner"], f"{where}.inner", tensors, x)
        case "Attention":
            return attended(op, x)
        case "Positions":
            return x + of("table")[0]
        case "Gate":
            a, b = np.split(x, 2, axis=-1)
            return a * expit(a) * b
        case "Latent":
            return x[:, : op["width"]]
        case "Residual":
            added = run(op.get("shortcut", []), f"{where}.shortcut", tensors, x)
            return added + run(op["inner"], f"{where}.inner", tensors, x)
    raise AssertionError(op)


def periodic(op, of, x):
    """Plain columns, then the numbers of each of `columns`."""
    parts = [np.delete(x, op["columns"], axis=-1)]
    w, v, c = of("frequencies", "weights", "biases")
    phases = np.zeros(w.shape) if op["is_plr"] else of("phases")[0]
    for number, column in enumerate(op["columns"]):
        z = x[..., [column]]
        angles = 2 * np.pi * z * w[number] + phases[number]
        if op["is_plr"]:
            waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=-1)
            weights = np.concatenate(np.split(v[:, number], 2), axis=1)
            parts.append(np.maximum(waves @ weights.T + c[:, number], 0))
        else:
            parts += [z, np.cos(angles) @ v[:, number].T + c[:, number]]
    return np.concatenate(parts, axis=-1)


def piecewise_linear(op, of, x):
    """Plain columns, then the encoding of each of `columns`, or its embedding."""
    parts, edges, bins = [np.delete(x, op["columns"], axis=-1)], of("edges")[0], op["bins"]
    first = 0
    for number, (column, count) in enumerate(zip(op["columns"], bins, strict=True)):
        own, z = edges[first + number :][: count + 1], x[..., [column]]
        code = (z - own[:-1]) / np.diff(own)
        code[..., 1:] = np.maximum(code[..., 1:], 0)
        code[..., :-1] = np.minimum(code[..., :-1], 1)
        if op["size"]:
            weights, biases, tables = of("weights", "biases", "tables")
            code = z * weights[number] + biases[number] + code @ tables[first:][:count]
        parts.append(code)
        first += count
    return np.concatenate(parts, axis=-1)


def recurred(op, of, x, prefix):
    """The states of a direction: of all steps, or the last."""
    w, v, b = of(*(f"{prefix}{name}" for name in ("weights", "recurrent_weights", "biases")))
    h, c = np.zeros((2, len(x), op["units"]))
    states = np.empty((*x.shape[:2], op["units"]))
    steps = range(x.shape[1])
    for t in reversed(steps) if prefix else steps:
        z, s = x[:, t] @ w + b, h @ v
        match op["cell"]:
            case "tanh" | "relu":
                h = FUNCTIONS[op["cell"]](z + s)
            case "lstm":
                i, f, g, o = np.split(z + s, 4, axis=1)
                c = expit(f) * c + expit(i) * np.tanh(g)
                h = expit(o) * np.tanh(c)
            case "gru":
                r, u, n = (slice(k * op["units"], (k + 1) * op["units"]) for k in range(3))
                reset = expit(z[:, r] + s[:, r])
                new = np.tanh(z[:, n] + reset * (s[:, n] + of(f"{prefix}recurrent_biases")[0]))
                h = new + expit(z[:, u] + s[:, u]) * (h - new)
        states[:, t] = h
    return states if op["sequences"] else h


def attended(op, x):
    """softmax(q k^T / sqrt(size)) v, head by head."""
    size, heads, each = op["size"], op["heads"], op["heads"] // op["key_heads"]
    parts = np.split(x, x.shape[2] // size, axis=2)
    turned = heads + op["key_heads"]
    if op["base"]:
        angles = np.arange(x.shape[1])[:, None] / op["base"] ** (np.arange(0, size, 2) / size)
        for number in range(turned):
            a, b = np.split(parts[number], 2, axis=2)
            a, b = a * np.cos(angles) - b * np.sin(angles), b * np.cos(angles) + a * np.sin(angles)
            parts[number] = np.concatenate([a, b], axis=2)
    found = []
    for head in range(heads):
        k, v = parts[heads + head // each], parts[turned + head // each]
        scores = parts[head] @ k.swapaxes(1, 2) / np.sqrt(size)
        if op["causal"]:
            scores[:, np.triu(np.ones(scores.shape[1:], bool), 1)] = -np.inf
        found.append(softmax(scores, axis=-1) @ v)
    return np.concatenate(found, axis=2)


def counts_of(windows):
    """The windows along each axis."""
    found = []
    names = "sizes", "kernel", "stride", "padding", "dilation"
    for n, k, s, (a, b), d in zip(*(windows[name] for name in names), strict=True):
        whole, rest = divmod(a + n + b - d * (k - 1) - 1, s)
        more = windows["overhangs"] and rest > 0 and (whole + 1) * s < a + n
        found.append(whole + 1 + more)
    return found


def taps_of(windows, window):
    """For each tap of a window its index, its element, and whether it is in the padding."""
    for tap in np.ndindex(*windows["kernel"]):
        element, in_padding = [], False
        for axis, (i, j) in enumerate(zip(window, tap, strict=True)):
            before, after = windows["padding"][axis]
            place = i * windows["stride"][axis] + j * windows["dilation"][axis] - before
            if place >= windows["sizes"][axis] + after:
                break  # beyond the padding
            in_padding |= not 0 <= place < windows["sizes"][axis]
            element.append(place)
        else:
            yield tap, (slice(None), *element), in_padding


def convolved(x, weights, biases, windows, groups):
    out = np.zeros((len(x), *counts_of(windows), len(biases))) + biases
    channels, filters = weights.shape[-2], len(biases) // groups
    for window in np.ndindex(*out.shape[1:-1]):
        for tap, element, in_padding in taps_of(windows, window):
            for group in range(0 if in_padding else groups):
                of, to = (slice(group * n, (group + 1) * n) for n in (channels, filters))
                out[:, *window, to] += x[*element, of] @ weights[*tap][:, to]
    return out


def transposed(x, weights, biases, windows, groups):
    out = np.zeros((len(x), *windows["sizes"], len(biases))) + biases
    channels, filters = weights.shape[-2], len(biases) // groups
    for window in np.ndindex(*x.shape[1:-1]):
        for tap, element, in_padding in taps_of(windows, window):
            for group in range(0 if in_padding else groups):
                of, to = (slice(group * n, (group + 1) * n) for n in (channels, filters))
                out[*element, to] += x[:, *window, of] @ weights[*tap][:, to]
    return out


def pooled(x, windows, largest):
    out = np.empty((len(x), *counts_of(windows), x.shape[-1]))
    for window in np.ndindex(*out.shape[1:-1]):
        taps = list(taps_of(windows, window))
        values = [x[element] for _, element, in_padding in taps if not in_padding]
        out[:, *window] = np.max(values, axis=0) if largest else np.sum(values, axis=0) / len(taps)
    return out
