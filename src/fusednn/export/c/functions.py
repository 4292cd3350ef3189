"""The C functions of ops other than the dense layer. Each works on rows, most also in place."""

from __future__ import annotations

_ROWS = "const REAL *x, size_t x_stride, REAL *out, size_t out_stride, size_t rows,"

_COLUMNWISE = """\
static void NAME_{name}({rows}
                 size_t width{parameters})
{{
    size_t r, c;
    for (r = 0; r < rows; r++, x += x_stride, out += out_stride)
        for (c = 0; c < width; c++)
            out[c] = {value};
}}
"""

_RESCALE = """\
/* A scaler's steps in double, each rounded to the network's type as the scaler does. */
static void NAME_rescale({rows}
                 size_t width, const double *before, const double *factor, const double *divisor,
                 const double *after, const double *low, const double *high)
{{
    size_t r, c;
    for (r = 0; r < rows; r++, x += x_stride, out += out_stride)
        for (c = 0; c < width; c++) {{
            const REAL shifted = (REAL)((double)x[c] + before[c]);
            const REAL scaled = (REAL)((double)shifted * factor[c]);
            const REAL divided = (REAL)((double)scaled / divisor[c]);
            const double moved = (double)(REAL)((double)divided + after[c]);
            const double above = moved < low[c] ? low[c] : moved;
            out[c] = (REAL)(above > high[c] ? high[c] : above);
        }}
}}
"""

_NORMALISE = """\
/* Layer normalisation; RMSNorm if shift is NULL. */
static void NAME_normalise({rows}
                 size_t width, const REAL *scale, const REAL *shift, REAL epsilon)
{{
    size_t r, c;
    for (r = 0; r < rows; r++, x += x_stride, out += out_stride) {{
        const REAL mean = shift ? NAME_sum(x, 0, 0, width) / (REAL)width : 0;
        const REAL variance = NAME_sum(x, mean, 1, width) / (REAL)width;
        const REAL inverse = 1 / SQRT(variance + epsilon);
        for (c = 0; c < width; c++)
            out[c] = (x[c] - mean) * inverse * scale[c] + (shift ? shift[c] : 0);
    }}
}}
"""

_SUM = """\
/* The sum of x - mean, or of its squares, in eight partial sums. */
static REAL NAME_sum(const REAL *x, REAL mean, int squares, size_t width)
{
    REAL parts[8] = {0};
    const size_t whole = width - width % 8;
    size_t c, k;
    for (c = 0; c < whole; c += 8)
        for (k = 0; k < 8; k++) {
            const REAL off = x[c + k] - mean;
            parts[k] += squares ? off * off : off;
        }
    for (c = whole; c < width; c++) {
        const REAL off = x[c] - mean;
        parts[c - whole] += squares ? off * off : off;
    }
    return ((parts[0] + parts[4]) + (parts[1] + parts[5]))
        + ((parts[2] + parts[6]) + (parts[3] + parts[7]));
}
"""

_VECTOR = """\
/* The row of the table of the code x, from 0 to count - 1. Any other number is rounded to the
   nearest code; NaN becomes 0. */
static const REAL *NAME_row_of(REAL x, const REAL *table, size_t count, size_t size)
{{
    const double last = (double)(count - 1), nearest = (double)x + 0.5;
    const double code = nearest > 0 ? nearest : 0;
    return table + (size_t)(code < last ? code : last) * size;
}}
"""

_EMBEDDING = """\
/* Copies the vectors of the codes in column `column` of x to out. */
static void NAME_look_up({rows}
                 size_t column, const REAL *table, size_t count, size_t size)
{{
    size_t r;
    for (r = 0; r < rows; r++, x += x_stride, out += out_stride)
        memcpy(out, NAME_row_of(x[column], table, count, size), size * sizeof(REAL));
}}
"""

_TOKENS = """\
/* Copies the vectors of the `steps` codes of each sample to rows of out. */
static void NAME_look_up_tokens({rows}
                 size_t steps, const REAL *table, size_t count, size_t size)
{{
    size_t r, t;
    for (r = 0; r < rows; r++, x += x_stride)
        for (t = 0; t < steps; t++, out += out_stride)
            memcpy(out, NAME_row_of(x[t], table, count, size), size * sizeof(REAL));
}}
"""

_TIED = """\
/* out (rows, count) = x (rows, size) times the table (count, size) transposed. */
static void NAME_tied({rows}
                 size_t size, const REAL *table, size_t count)
{{
    size_t r, c, i, k;
    for (r = 0; r < rows; r++, x += x_stride, out += out_stride)
        for (c = 0; c < count; c++) {{
            const REAL *vector = table + c * size;
            REAL parts[8] = {{0}};
            for (i = 0; i + 8 <= size; i += 8)
                for (k = 0; k < 8; k++)
                    parts[k] += x[i + k] * vector[i + k];
            for (k = 0; i + k < size; k++)
                parts[k] += x[i + k] * vector[i + k];
            out[c] = ((parts[0] + parts[4]) + (parts[1] + parts[5]))
                + ((parts[2] + parts[6]) + (parts[3] + parts[7]));
        }}
}}
"""

_PERIODIC = """\
/* Behind `plain` numbers of each row of out, the embedding of each chosen column: PBLD, or PLR if
   phases is NULL. */
static void NAME_periodic({rows}
                 size_t plain, const uint32_t *columns, size_t count, size_t frequencies,
                 size_t size, const REAL *w, const REAL *phases, const REAL *v, const REAL *c)
{{
    const REAL per_turn = (REAL)0.15915494309189535;
    size_t r, j, f, s;
    for (r = 0; r < rows; r++, x += x_stride, out += out_stride)
        for (j = 0; j < count; j++) {{
            const REAL value = x[columns[j]];
            REAL *there = out + plain + j * (size + (phases ? 1 : 0));
            if (phases)
                *there++ = value;
            for (s = 0; s < size; s++)
                there[s] = c[s * count + j];
            for (f = 0; f < frequencies; f++) {{
                const size_t at = j * frequencies + f, each = count * frequencies;
                const REAL turns = value * w[at] + (phases ? phases[at] * per_turn : 0);
                const REAL cosine = NAME_cos_turns(turns, 0);
                const REAL sine = phases ? 0 : NAME_cos_turns(turns, (REAL)0.25);
                for (s = 0; s < size; s++) {{
                    there[s] += cosine * v[s * each + at];
                    if (!phases)
                        there[s] += sine * v[(size + s) * each + at];
                }}
            }}
            for (s = 0; s < size; s++)
                there[s] = !phases && there[s] < 0 ? 0 : there[s];
        }}
}}
"""

_BIN = """\
/* The bin of x among those of edges, and how far x is in it; the outer ones have no end. */
static size_t NAME_bin_of(REAL x, const REAL *edges, size_t bins, REAL *fraction)
{{
    size_t k, t = 0;
    for (k = 1; k < bins; k++)
        t += x >= edges[k];
    *fraction = (x - edges[t]) / (edges[t + 1] - edges[t]);
    return t;
}}
"""

_ENCODE_BINS = """\
/* Behind `plain` numbers of each row of out, the piecewise-linear encoding of chosen columns. */
static void NAME_encode_bins({rows}
                 size_t plain, const uint32_t *columns, size_t count, const uint32_t *bins,
                 const REAL *edges)
{{
    size_t r, j, k;
    for (r = 0; r < rows; r++, x += x_stride, out += out_stride) {{
        const REAL *own = edges;
        REAL *there = out + plain;
        for (j = 0; j < count; j++) {{
            REAL fraction;
            const size_t t = NAME_bin_of(x[columns[j]], own, bins[j], &fraction);
            for (k = 0; k < bins[j]; k++)
                there[k] = k < t ? 1 : 0;
            there[t] = fraction;
            there += bins[j];
            own += bins[j] + 1;
        }}
    }}
}}
"""

_EMBED_BINS = """\
/* Behind `plain` numbers of each row of out, the piecewise-linear embedding of chosen columns. */
static void NAME_embed_bins({rows}
                 size_t plain, const uint32_t *columns, size_t count, const uint32_t *bins,
                 size_t size, const REAL *edges, const REAL *w, const REAL *b, const REAL *v)
{{
    size_t r, j, k, s;
    for (r = 0; r < rows; r++, x += x_stride, out += out_stride) {{
        const REAL *own = edges, *table = v;
        for (j = 0; j < count; j++) {{
            REAL fraction, *there = out + plain + j * size;
            const size_t t = NAME_bin_of(x[columns[j]], own, bins[j], &fraction);
            for (s = 0; s < size; s++)
                there[s] = b[j * size + s] + x[columns[j]] * w[j * size + s];
            for (k = 0; k < t; k++)
                for (s = 0; s < size; s++)
                    there[s] += table[k * size + s];
            for (s = 0; s < size; s++)
                there[s] += fraction * table[t * size + s];
            own += bins[j] + 1;
            table += bins[j] * size;
        }}
    }}
}}
"""

_PICK = """\
/* Copies the chosen columns of x. */
static void NAME_pick({rows}
                 size_t width, const uint32_t *columns)
{{
    size_t r, c;
    for (r = 0; r < rows; r++, x += x_stride, out += out_stride)
        for (c = 0; c < width; c++)
            out[c] = x[columns[c]];
}}
"""

_RESHAPE = """\
/* Rearranges the `size` numbers of each sample into rows of another width. In x the `channels`
   come one after the other; in out they are side by side. */
static void NAME_reshape({rows}
                 size_t size, size_t x_width, size_t width, size_t channels)
{{
    size_t r, c;
    for (r = 0; r < rows; r++, x += size / x_width * x_stride, out += size / width * out_stride)
        for (c = 0; c < size; c++) {{
            const size_t at = c % channels * (size / channels) + c / channels;
            out[c / width * out_stride + c % width] = x[at / x_width * x_stride + at % x_width];
        }}
}}
"""

_VALUES = {
    "copy": ("", "x[c]"),
    "add": ("", "out[c] + x[c]"),
    "scale": (("mean", "factor"), "(x[c] - mean[c]) * factor[c]"),
    "blend": (("share",), "(1 - share[c]) * x[c] + share[c] * out[c]"),
    "multiply": (("factor",), "x[c] * factor[c]"),
    "prelu": (("slope",), "x[c] > 0 ? x[c] : slope[c] * x[c]"),
    "batch_norm": (
        ("mean", "inverse", "scale", "shift"),
        "(x[c] - mean[c]) * inverse[c] * scale[c] + shift[c]",
    ),
}


def function_text(name: str) -> str:
    """The C function of an op, preceded by the function that it calls."""
    if name in _VALUES:
        arrays, value = _VALUES[name]
        parameters = "".join(f", const REAL *{array}" for array in arrays)
        return _COLUMNWISE.format(name=name, rows=_ROWS, parameters=parameters, value=value)
    before = {"normalise": _SUM, "look_up": _VECTOR, "look_up_tokens": _VECTOR}.get(name, "")
    before += "\n" * bool(before)
    texts = {
        "rescale": _RESCALE,
        "normalise": _NORMALISE,
        "look_up": _EMBEDDING,
        "look_up_tokens": _TOKENS,
        "tied": _TIED,
        "bin_of": _BIN,
        "encode_bins": _ENCODE_BINS,
        "embed_bins": _EMBED_BINS,
        "pick": _PICK,
        "periodic": _PERIODIC,
        "reshape": _RESHAPE,
    }
    return before + texts[name].format(rows=_ROWS)
