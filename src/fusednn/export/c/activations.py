"""Activations in C: functions of one number, as in `kernels.activations`, and of rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from fusednn.kernels import activations

from .maths import Maths

_BODIES = {
    "relu": ((), "return x < 0 ? 0 : x;"),
    "tanh": (("tanh",), "return NAME_tanh(x);"),
    "logistic": (("logistic",), "return NAME_logistic(x);"),
    "leaky_relu": ((), "return x > 0 ? x : a * x;"),
    "elu": (("expm1",), "return x > 0 ? a * x : b * NAME_expm1(x > 0 ? 0 : x);"),
    "softplus": (("softplus",), "return NAME_softplus(x);"),
    "gelu": (("normal_cdf",), "return x * NAME_normal_cdf(x);"),
    "gelu_tanh": (
        ("exp_negated",),
        """\
const REAL high = x > {most} ? {most} : x, y = high < -{most} ? -{most} : high;
    const REAL u = y * ((y * y) * {cubic} + {twice}), e = NAME_exp_negated(u);
    return x * ((y < 0 ? e : 1) / (1 + e));""",
    ),
    "silu": (
        ("exp_negated",),
        "const REAL e = NAME_exp_negated(x);\n    return x * ((x < 0 ? e : 1) / (1 + e));",
    ),
    "mish": (
        ("exp_negated",),
        """\
const REAL u = NAME_exp_negated(x), n = 2 * u + (x < 0 ? u * u : 1);
    return x * (n / (n + 2 * (x < 0 ? 1 : u * u)));""",
    ),
    "hard_swish": (
        (),
        """\
const REAL raised = x + 3, low = raised < 0 ? 0 : raised;
    return x * ((low > 6 ? 6 : low) * {sixth});""",
    ),
}
"""The elementary functions that each activation calls, and its body; a and b are its
constants. SELU is ELU with other constants."""

ROWS = """\
static void NAME_{name}_rows(REAL *x, size_t stride, size_t rows, size_t width{parameters})
{{
    size_t r, c;
    for (r = 0; r < rows; r++)
        for (c = 0; c < width; c++)
            x[r * stride + c] = NAME_{name}_of(x[r * stride + c]{arguments});
}}
"""


def function_of(activation: str) -> str:
    """The name of the C function of an activation."""
    return "elu" if activation == "selu" else activation


def activation_texts(names: Collection[str], m: Maths, inner: Iterable[str] = ()) -> str:
    """The C functions that work on rows in place, and those of one number that are `inner` ones.

    `m` provides the functions that they call.
    """
    terms = {
        "most": m.number(activations._GELU_TANH_MOST),
        "cubic": m.number(activations._TWICE_ROOT * activations._CUBIC),
        "twice": m.number(activations._TWICE_ROOT),
        "sixth": m.number(1 / 6),
    }
    texts = []
    for name in sorted({*names, *inner}):
        letters = "ab"[: len(activations.ACTIVATIONS[name].constants)]
        parameters = "".join(f", REAL {letter}" for letter in letters)
        arguments = "".join(f", {letter}" for letter in letters)
        body = _BODIES[name][1].format(**terms)
        texts.append(f"INLINE REAL NAME_{name}_of(REAL x{parameters})\n{{\n    {body}\n}}\n")
        if name in names:
            texts.append(ROWS.format(name=name, parameters=parameters, arguments=arguments))
    return "\n".join(texts)


def needed_maths(names: Iterable[str]) -> set[str]:
    """The elementary functions that activations call."""
    return {need for name in names for need in _BODIES[name][0]}
