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
    "attend_next": """\
/* Attention of a step [queries, keys, values] to itself and those before it, `length` at most. The
   state has rings of their keys and values, the place of the next step in these, and how many
   there are. `turns` has cosines and sines of each place among them, or is NULL. `p` has room for
   the weights, a query and a key. */
static void NAME_attend_next(const REAL *x, REAL *out, REAL *state, size_t length, size_t heads,
                             size_t group, size_t size, REAL scale, const REAL *turns, REAL *p)
{
    const size_t kept = heads / group * size;
    REAL *keys = state, *values = keys + length * kept, *place = values + length * kept;
    REAL *q = p + length, *turned = q + size;
    const size_t newest = (size_t)place[0];
    const size_t n = (size_t)place[1] < length ? (size_t)place[1] + 1 : length;
    const size_t first = newest + 1 + length - n;
    size_t head, k, c;
    memcpy(keys + newest * kept, x + heads * size, kept * sizeof(REAL));
    memcpy(values + newest * kept, x + heads * size + kept, kept * sizeof(REAL));
    place[0] = (REAL)((newest + 1) % length);
    place[1] = (REAL)n;
    for (head = 0; head < heads; head++) {
        const size_t own = head / group * size;
        REAL *y = out + head * size, largest = 0, total = 0;
        memcpy(q, x + head * size, size * sizeof(REAL));
        if (turns != NULL)
            NAME_rotate(q, size, 1, 1, 1, size / 2, turns + (n - 1) * size);
        for (k = 0; k < n; k++) {
            const REAL *key = keys + (first + k) % length * kept + own;
            REAL sum = 0;
            if (turns != NULL) {
                memcpy(turned, key, size * sizeof(REAL));
                NAME_rotate(turned, size, 1, 1, 1, size / 2, turns + k * size);
                key = turned;
            }
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
                y[c] += p[k] * values[(first + k) % length * kept + own + c];
        for (c = 0; c < size; c++)
            y[c] /= total;
    }
}
""",
    "add_next_positions": """\
/* Adds the row of the table of the step, whose number is in the state. */
static void NAME_add_next_positions(REAL *x, size_t width, const REAL *table, REAL *state)
{
    const REAL *row = table + (size_t)state[0] * width;
    size_t c;
    for (c = 0; c < width; c++)
        x[c] += row[c];
    state[0] += 1;
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
    """The C functions of these names; each stands behind those that it calls."""
    return "\n".join(text for name, text in _FUNCTIONS.items() if name in names)
