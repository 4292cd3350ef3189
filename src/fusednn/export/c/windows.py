"""The C functions of layers over windows: plain loops over windows, channels innermost."""

from __future__ import annotations

from collections.abc import Iterator, Set

from fusednn.graph.windows import Windows

CONVOLVE, CONVOLVE_GROUPS = "convolve", "convolve_groups"
CONVOLVE_TRANSPOSED, UPSAMPLE = "convolve_transposed", "upsample"
MAX_POOL, AVERAGE_POOL = "max_pool", "average_pool"

TYPE = """\
/* Windows of images: sizes of the image, of the kernel, and how many windows there are; from a
   window and from a tap to the next; the zeros around the image. A series is an image of one row.
   Most functions read the windows of x; convolve_transposed and upsample write those of out. */
typedef struct {
    size_t height, width, kernel_rows, kernel_columns, rows, columns;
    size_t down, right, tap_down, tap_right, top, bottom, left, last;
} NAME_windows;

"""

_TAP = """\
/* The pixel of x at tap (i, j) of window p; NULL in the padding. */
INLINE const REAL *NAME_tap(const REAL *x, size_t x_stride, const NAME_windows *v, size_t p,
                            size_t i, size_t j)
{
    const size_t y = p / v->columns * v->down + i * v->tap_down;
    const size_t z = p % v->columns * v->right + j * v->tap_right;
    if (y < v->top || y - v->top >= v->height || z < v->left || z - v->left >= v->width)
        return NULL;
    return x + ((y - v->top) * v->width + (z - v->left)) * x_stride;
}
"""

_FUNCTIONS = {
    CONVOLVE: """\
/* out (pixels, outputs) of each sample = its windows times w, + b; w as in NAME_dense. The taps of
   up to `most` windows are gathered in `taps`. */
static void NAME_convolve(const REAL *x, size_t x_stride, REAL *out, size_t out_stride,
                          size_t samples, const NAME_windows *v, size_t channels, size_t panels,
                          size_t few, const REAL *w, const REAL *b, REAL *taps, size_t most)
{
    const size_t pixels = v->rows * v->columns;
    const size_t inputs = v->kernel_rows * v->kernel_columns * channels;
    size_t sample, first, p, i, j;
    for (sample = 0; sample < samples; sample++, x += v->height * v->width * x_stride)
        for (first = 0; first < pixels; first += most) {
            const size_t count = pixels - first < most ? pixels - first : most;
            REAL *there = taps;
            for (p = first; p < first + count; p++)
                for (i = 0; i < v->kernel_rows; i++)
                    for (j = 0; j < v->kernel_columns; j++, there += channels) {
                        const REAL *here = NAME_tap(x, x_stride, v, p, i, j);
                        if (here)
                            memcpy(there, here, channels * sizeof(REAL));
                        else
                            memset(there, 0, channels * sizeof(REAL));
                    }
            NAME_dense(taps, inputs, count, inputs, panels, few, w, b, out, out_stride);
            out += count * out_stride;
        }
}
""",
    CONVOLVE_GROUPS: """\
/* out (pixels, groups x filters) of each sample: the filters of a group read its `channels`.
   w (kernel_rows, kernel_columns, channels, groups x filters). */
static void NAME_convolve_groups(const REAL *restrict x, size_t x_stride, REAL *restrict out,
                                 size_t out_stride, size_t samples, const NAME_windows *v,
                                 size_t channels, size_t groups, size_t filters,
                                 const REAL *restrict w, const REAL *restrict b)
{
    const size_t outputs = groups * filters;
    size_t sample, p, i, j, g, c, k;
    for (sample = 0; sample < samples; sample++, x += v->height * v->width * x_stride)
        for (p = 0; p < v->rows * v->columns; p++, out += out_stride) {
            const REAL *taps = w;
            memcpy(out, b, outputs * sizeof(REAL));
            for (i = 0; i < v->kernel_rows; i++)
                for (j = 0; j < v->kernel_columns; j++, taps += channels * outputs) {
                    const REAL *here = NAME_tap(x, x_stride, v, p, i, j);
                    if (!here)
                        continue;
                    if (channels == 1 && filters == 1) {
                        for (c = 0; c < groups; c++)
                            out[c] += here[c] * taps[c];
                        continue;
                    }
                    for (g = 0; g < groups; g++)
                        for (c = 0; c < channels; c++)
                            for (k = 0; k < filters; k++)
                                out[g * filters + k] += here[g * channels + c]
                                    * taps[c * outputs + g * filters + k];
                }
        }
}
""",
    CONVOLVE_TRANSPOSED: """\
/* out (pixels, groups x filters) of each sample = b, plus each pixel of x times w where its window
   lies; the filters of a group read its `channels`. w as in NAME_convolve_groups. */
static void NAME_convolve_transposed(const REAL *restrict x, size_t x_stride, REAL *restrict out,
                                     size_t out_stride, size_t samples, const NAME_windows *v,
                                     size_t channels, size_t groups, size_t filters,
                                     const REAL *restrict w, const REAL *restrict b)
{
    const size_t outputs = groups * filters, pixels = v->height * v->width;
    size_t sample, p, i, j, g, c, k;
    for (sample = 0; sample < samples; sample++, out += pixels * out_stride) {
        for (p = 0; p < pixels; p++)
            memcpy(out + p * out_stride, b, outputs * sizeof(REAL));
        for (p = 0; p < v->rows * v->columns; p++, x += x_stride) {
            const REAL *taps = w;
            for (i = 0; i < v->kernel_rows; i++)
                for (j = 0; j < v->kernel_columns; j++, taps += channels * outputs) {
                    const REAL *found = NAME_tap(out, out_stride, v, p, i, j);
                    REAL *there = out;
                    if (!found)
                        continue;
                    there += found - out;
                    for (g = 0; g < groups; g++)
                        for (c = 0; c < channels; c++)
                            for (k = 0; k < filters; k++)
                                there[g * filters + k] += x[g * channels + c]
                                    * taps[c * outputs + g * filters + k];
                }
        }
    }
}
""",
    UPSAMPLE: """\
/* out (pixels, width) of each sample: each pixel of x in the whole of its window. */
static void NAME_upsample(const REAL *restrict x, size_t x_stride, REAL *restrict out,
                          size_t out_stride, size_t samples, const NAME_windows *v, size_t width)
{
    size_t sample, y, z;
    for (sample = 0; sample < samples; sample++, x += v->rows * v->columns * x_stride)
        for (y = 0; y < v->height; y++)
            for (z = 0; z < v->width; z++, out += out_stride)
                memcpy(out, x + (y / v->down * v->columns + z / v->right) * x_stride,
                       width * sizeof(REAL));
}
""",
    MAX_POOL: """\
/* out (pixels, width) of each sample: the largest number of each window. */
static void NAME_max_pool(const REAL *restrict x, size_t x_stride, REAL *restrict out,
                          size_t out_stride, size_t samples, const NAME_windows *v, size_t width)
{
    size_t sample, p, i, j, c;
    for (sample = 0; sample < samples; sample++, x += v->height * v->width * x_stride)
        for (p = 0; p < v->rows * v->columns; p++, out += out_stride) {
            for (c = 0; c < width; c++)
                out[c] = -INFINITY;
            for (i = 0; i < v->kernel_rows; i++)
                for (j = 0; j < v->kernel_columns; j++) {
                    const REAL *here = NAME_tap(x, x_stride, v, p, i, j);
                    for (c = 0; here && c < width; c++)
                        out[c] = here[c] > out[c] ? here[c] : out[c];
                }
        }
}
""",
    AVERAGE_POOL: """\
/* out (pixels, width) of each sample: the mean of each window. Padding counts as zeros; taps
   beyond it do not count. */
static void NAME_average_pool(const REAL *restrict x, size_t x_stride, REAL *restrict out,
                              size_t out_stride, size_t samples, const NAME_windows *v,
                              size_t width)
{
    size_t sample, p, i, j, c;
    for (sample = 0; sample < samples; sample++, x += v->height * v->width * x_stride)
        for (p = 0; p < v->rows * v->columns; p++, out += out_stride) {
            const size_t below = v->top + v->height + v->bottom - p / v->columns * v->down;
            const size_t behind = v->left + v->width + v->last - p % v->columns * v->right;
            const size_t tall = below < v->kernel_rows ? below : v->kernel_rows;
            const size_t wide = behind < v->kernel_columns ? behind : v->kernel_columns;
            const REAL share = 1 / (REAL)(tall * wide);
            for (c = 0; c < width; c++)
                out[c] = 0;
            for (i = 0; i < v->kernel_rows; i++)
                for (j = 0; j < v->kernel_columns; j++) {
                    const REAL *here = NAME_tap(x, x_stride, v, p, i, j);
                    for (c = 0; here && c < width; c++)
                        out[c] += here[c];
                }
            for (c = 0; c < width; c++)
                out[c] *= share;
        }
}
""",
}
"""The functions by name. A mean's windows have no dilation."""

WINDOWED = frozenset(_FUNCTIONS)


def windows_text(names: Set[str]) -> str:
    """The C functions of these names, preceded by the one that they call."""
    first = [_TAP] if names - {UPSAMPLE} else []
    return "\n".join([*first, *(_FUNCTIONS[name] for name in sorted(names))])


def constant(name: str, windows: Windows) -> Iterator[str]:
    """The definition of windows in the plane."""
    (top, bottom), (left, last) = windows.padding
    parts = windows.sizes, windows.kernel, windows.counts, windows.stride, windows.dilation
    sizes = [*(size for part in parts for size in part), top, bottom, left, last]
    yield f"static const NAME_windows {name} = {{\n    {', '.join(map(str, sizes))},\n}};\n\n"
