"""The C functions of recurrences, which go over the steps of all samples together."""

from __future__ import annotations

from collections.abc import Set

ACTIVATIONS = {
    "tanh": {"tanh"},
    "relu": {"relu"},
    "lstm": {"logistic", "tanh"},
    "gru": {"logistic", "tanh"},
}
"""The activations that a cell calls."""

_FUNCTION = """\
/* Goes over the steps of z, the products of x with the weights, and writes the states h to out: of
   each step, or of the last if `last_only`. s are the products of h with w, as in NAME_dense. If
   `carried`, h and c are those of the step before, else they begin with zeros. */
static void NAME_recur_{name}(const REAL *z, size_t z_stride, REAL *out, size_t out_stride,
                       size_t samples, size_t steps, size_t units, int last_only, int reverse,
                       size_t panels, size_t few, const REAL *w, const REAL *b, REAL *s,
                       size_t s_stride, REAL *h, REAL *c, size_t h_stride, int carried)
{{
    size_t at, sample, u;
    for (sample = 0; sample < samples && !carried; sample++)
        for (u = 0; u < units; u++)
            h[sample * h_stride + u] = c[sample * h_stride + u] = 0;
    for (at = 0; at < steps; at++) {{
        const size_t step = reverse ? steps - 1 - at : at;
        NAME_dense(h, h_stride, samples, units, panels, few, w, b, s, s_stride);
        for (sample = 0; sample < samples; sample++) {{
            const REAL *a = z + (sample * steps + step) * z_stride, *d = s + sample * s_stride;
            REAL *state = h + sample * h_stride{cell};
            for (u = 0; u < units; u++) {{
{body}
            }}
            if (!last_only)
                memcpy(out + (sample * steps + step) * out_stride, state, units * sizeof(REAL));
            else if (at + 1 == steps)
                memcpy(out + sample * out_stride, state, units * sizeof(REAL));
        }}
    }}
}}
"""

_BODIES = {
    "tanh": "state[u] = NAME_tanh_of(a[u] + d[u]);",
    "relu": "state[u] = NAME_relu_of(a[u] + d[u]);",
    "lstm": """\
const size_t f = units + u, g = f + units, o = g + units;
cell[u] = NAME_logistic_of(a[f] + d[f]) * cell[u]
    + NAME_logistic_of(a[u] + d[u]) * NAME_tanh_of(a[g] + d[g]);
state[u] = NAME_logistic_of(a[o] + d[o]) * NAME_tanh_of(cell[u]);""",
    "gru": """\
const size_t k = units + u, n = k + units;
const REAL reset = NAME_logistic_of(a[u] + d[u]);
const REAL proposed = NAME_tanh_of(a[n] + reset * d[n]);
state[u] = proposed + NAME_logistic_of(a[k] + d[k]) * (state[u] - proposed);""",
}


def function_name(cell: str) -> str:
    """The name of the C function of a cell."""
    return f"recur_{cell}"


RECURRENT = frozenset(map(function_name, _BODIES))
"""The names of all of them."""


def recurrent_text(names: Set[str]) -> str:
    """The C functions with these names."""
    texts = []
    for cell, body in _BODIES.items():
        if function_name(cell) in names:
            indented = "\n".join(" " * 16 + line for line in body.splitlines())
            own = ", *cell = c + sample * h_stride" * (cell == "lstm")
            texts.append(_FUNCTION.format(name=cell, body=indented, cell=own))
    return "\n".join(texts)
