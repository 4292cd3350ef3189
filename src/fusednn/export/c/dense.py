"""The product of rows and weights in C: tiles of rows by vectors of columns, in registers.

Compilers optimise plain loops very differently, so the tiles are unrolled, with the vector types
of GCC and Clang. Other compilers get vectors of one number, in plain C99.
"""

from __future__ import annotations

import numpy as np

PANEL_BYTES = 64
FEW = 4
"""Up to this many remaining columns use dot products; more are padded to a panel."""

VECTORS = """\
/* Vectors: each row of a panel of weights consists of several. */
#if defined(__GNUC__) && defined(__AVX512F__)
#define MACRO_LANES (64 / sizeof(REAL))
#define MACRO_TALL
typedef REAL NAME_vector __attribute__((vector_size(64), aligned(sizeof(REAL)), may_alias));
#elif defined(__GNUC__) && defined(__AVX__)
#define MACRO_LANES (32 / sizeof(REAL))
typedef REAL NAME_vector __attribute__((vector_size(32), aligned(sizeof(REAL)), may_alias));
#elif defined(__GNUC__)
#define MACRO_LANES (16 / sizeof(REAL))
typedef REAL NAME_vector __attribute__((vector_size(16), aligned(sizeof(REAL)), may_alias));
#else
#define MACRO_LANES ((size_t)1)
typedef REAL NAME_vector;
#endif
"""

DENSE = """\
/* out (rows, panels x PANEL + few) = x (rows, inputs) w + b. w holds panels of PANEL columns, each
   (inputs, PANEL), then the few columns that remain, each (inputs). */
static void NAME_dense(const REAL *x, size_t x_stride, size_t rows, size_t inputs, size_t panels,
                       size_t few, const REAL *w, const REAL *b, REAL *out, size_t out_stride)
{
    const size_t columns = panels * PANEL, lanes = MACRO_LANES;
    size_t r, c, step;
    for (c = 0; c < columns; c += step) {
        r = 0;
        step = c + 2 * lanes <= columns ? 2 * lanes : lanes;
#ifdef MACRO_TALL
        for (; r + 8 <= rows; r += 8) {
            if (step > lanes)
                NAME_tile_8x2(x + r * x_stride, x_stride, inputs, w, b, c,
                              out + r * out_stride, out_stride);
            else
                NAME_tile_8x1(x + r * x_stride, x_stride, inputs, w, b, c,
                              out + r * out_stride, out_stride);
        }
#endif
        for (; r + 4 <= rows; r += 4) {
            if (step > lanes)
                NAME_tile_4x2(x + r * x_stride, x_stride, inputs, w, b, c,
                              out + r * out_stride, out_stride);
            else
                NAME_tile_4x1(x + r * x_stride, x_stride, inputs, w, b, c,
                              out + r * out_stride, out_stride);
        }
    }
    for (r = rows - rows % 4; r < rows; r++) {
        c = 0;
        for (; c + 4 * lanes <= columns; c += 4 * lanes)
            NAME_tile_1x4(x + r * x_stride, x_stride, inputs, w, b, c,
                          out + r * out_stride, out_stride);
        for (; c < columns; c += lanes)
            NAME_tile_1x1(x + r * x_stride, x_stride, inputs, w, b, c,
                          out + r * out_stride, out_stride);
    }
    for (c = 0; c < few; c++)
        for (r = 0; r < rows; r++)
            out[r * out_stride + columns + c] = b[columns + c]
                + NAME_dot(x + r * x_stride, w + columns * inputs + c * inputs, inputs);
}
"""

DOT = """\
static REAL NAME_dot(const REAL *x, const REAL *w, size_t n)
{
    NAME_vector sums = {0};
    REAL parts[MACRO_LANES], sum = 0;
    const size_t whole = n - n % MACRO_LANES;
    size_t i, lane;
    for (i = 0; i < whole; i += MACRO_LANES)
        sums += *(const NAME_vector *)(x + i) * *(const NAME_vector *)(w + i);
    *(NAME_vector *)parts = sums;
    for (i = whole; i < n; i++)
        sum += x[i] * w[i];
    for (lane = 0; lane < MACRO_LANES; lane++)
        sum += parts[lane];
    return sum;
}
"""


def panel_width(dtype: np.dtype) -> int:
    """The number of columns in a panel."""
    return PANEL_BYTES // dtype.itemsize


def split(outputs: int, dtype: np.dtype) -> tuple[int, int]:
    """The number of panels for these columns, and the number of columns that remain."""
    panels, rest = divmod(outputs, panel_width(dtype))
    return (panels, rest) if rest <= FEW else (panels + 1, 0)


def packed(w: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Packs weights (I, O) and biases (O,) in the layout that `dense` reads."""
    inputs, outputs = w.shape
    panels, few = split(outputs, w.dtype)
    columns = panels * panel_width(w.dtype)
    full = np.zeros((inputs, columns), w.dtype)
    held = min(columns, outputs)
    full[:, :held] = w[:, :held]
    parts = full.reshape(inputs, panels, -1).transpose(1, 0, 2) if panels else full
    biases = np.zeros(columns + few, w.dtype)
    biases[:outputs] = b
    return np.concatenate([parts.ravel(), w[:, held:].T.ravel()]), biases


def dense_text(dtype: np.dtype) -> str:
    """The C functions of the product; `dense` is the last."""
    wide = [_tile(8, 2), _tile(8, 1)]
    texts = [VECTORS, "#ifdef MACRO_TALL\n" + "\n".join(wide) + "#endif\n"]
    texts += [_tile(4, 2), _tile(4, 1), _tile(1, 4), _tile(1, 1), DOT, DENSE]
    return "\n".join(texts).replace("PANEL", str(panel_width(dtype)))


def _tile(height: int, width: int) -> str:
    """A C function for a tile of rows by vectors; only its loop over inputs is not unrolled."""
    rows, columns = range(height), range(width)
    lines = [
        f"static void NAME_tile_{height}x{width}(const REAL *x, size_t x_stride, size_t inputs,",
        "    const REAL *w, const REAL *b, size_t c, REAL *out, size_t out_stride)",
        "{",
        "    const size_t lanes = MACRO_LANES;",
    ]
    for v in columns:
        at = f"c + {v} * lanes"
        lines.append(
            f"    const REAL *w{v} = w + ({at}) / PANEL * (inputs * PANEL) + ({at}) % PANEL;"
        )
    lines += [f"    const REAL *x{r} = x + {r} * x_stride;" for r in rows]
    lines += [
        f"    NAME_vector s{r}_{v} = *(const NAME_vector *)(b + c + {v} * lanes);"
        for r in rows
        for v in columns
    ]
    lines += ["    size_t i;", "    for (i = 0; i < inputs; i++) {"]
    lines += [
        f"        const NAME_vector v{v} = *(const NAME_vector *)(w{v} + i * PANEL);"
        for v in columns
    ]
    lines += [f"        s{r}_{v} += x{r}[i] * v{v};" for r in rows for v in columns]
    lines.append("    }")
    lines += [
        f"    *(NAME_vector *)(out + {r} * out_stride + c + {v} * lanes) = s{r}_{v};"
        for r in rows
        for v in columns
    ]
    return "\n".join([*lines, "}", ""])
