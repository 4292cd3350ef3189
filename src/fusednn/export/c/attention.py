"""The C functions of attention, which go over the steps of each sample."""

from __future__ import annotations

from collections.abc import Set

_FUNCTIONS = {
    "attend": """\
/* Attention of `samples` series of `steps` rows [queries, keys, values] of heads of `size`; each
   key head serves `group` adjacent heads. `p` are the weights of a query. */
static void NAME_attend(const REAL *x, size_t x_stride, REAL *out, size_t out_stride,
                        size_t samples, size_t steps, size_t heads, size_t group, size_t size,
                        int causal, REAL scale, REAL *p)
{
    const size_t key_heads = heads / group;
    size_t sample, head, t, k, c;
    for (sample = 0; sample < samples; sample++) {
        for (head = 0; head < heads; head++) {
            const REAL *keys = x + (heads + head / group) * size;
            const REAL *values = keys + key_heads * size;
            for (t = 0; t < steps; t++) {
                const REAL *q = x + t * x_stride + head * size;
                const size_t n = causal ? t + 1 : steps;
                REAL *y = out + t * out_stride + head * size, largest = 0, total = 0;
                for (k = 0; k < n; k++) {
                    const REAL *key = keys + k * x_stride;
                    REAL sum = 0;
                    for (c = 0; c < size; c++)
                        sum += q[c] * key[c];
                    p[k] = sum * scale;
                    largest = k == 0 || p[k] > largest ? p[k] : largest;
                }
                for (k = 0; k < n; k++)
                    p[k] = NAME_exp(p[k] - largest);
                for (k = 0; k < n; k++)
                    total += p[k];
                for (c = 0; c < size; c++)
                    y[c] = 0;
                for (k = 0; k < n; k++)
                    for (c = 0; c < size; c++)
                        y[c] += p[k] * values[k * x_stride + c];
                for (c = 0; c < size; c++)
                    y[c] /= total;
            }
        }
        x += steps * x_stride;
        out += steps * out_stride;
    }
}
""",
    "rotate": """\
/* Turns the first heads of each row by its step; `turns` has cosines and sines of each step. */
static void NAME_rotate(REAL *x, size_t x_stride, size_t rows, size_t steps, size_t heads,
                        size_t half, const REAL *turns)
{
    size_t r, head, c;
    for (r = 0; r < rows; r++)
        for (head = 0; head < heads; head++) {
            const REAL *cosines = turns + r % steps * 2 * half, *sines = cosines + half;
            REAL *a = x + r * x_stride + 2 * head * half, *b = a + half;
            for (c = 0; c < half; c++) {
                const REAL first = a[c], second = b[c];
                a[c] = first * cosines[c] - second * sines[c];
                b[c] = second * cosines[c] + first * sines[c];
            }
        }
}
""",
    "add_positions": """\
/* Adds the row of the table of its step to each row. */
static void NAME_add_positions(REAL *x, size_t x_stride, size_t rows, size_t steps, size_t width,
                               const REAL *table)
{
    size_t r, c;
    for (r = 0; r < rows; r++)
        for (c = 0; c < width; c++)
            x[r * x_stride + c] += table[r % steps * width + c];
}
""",
    "gate": """\
/* The first half of each row, through SiLU, times the second. */
static void NAME_gate(const REAL *x, size_t x_stride, REAL *out, size_t out_stride, size_t rows,
                      size_t width)
{
    size_t r, c;
    for (r = 0; r < rows; r++, x += x_stride, out += out_stride)
        for (c = 0; c < width; c++)
            out[c] = NAME_silu_of(x[c]) * x[width + c];
}
""",
}

ATTENTIVE = frozenset(_FUNCTIONS)


def attention_text(names: Set[str]) -> str:
    """The C functions of these names."""
    return "\n".join(_FUNCTIONS[name] for name in sorted(names))
