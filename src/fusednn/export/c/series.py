"""Series of any length in C: their steps, found in the padding, and windows over them."""

from __future__ import annotations

from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.pooling import Pooling
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.graph.layers.upsampling import UpSampling
from fusednn.graph.time_axis import Series, StepsError, free_series, ops_of_steps
from fusednn.serving.model import Model, output_axes

_LENGTH = """\
/* The steps of a sample before its padding, all of it {what}; MACRO_T if these are too few. */
static size_t NAME_length(const REAL *x)
{{
    size_t t, c;
    for (t = MACRO_T; t >= MACRO_LEAST_T; t--)
        for (c = 0; c < {features}; c++)
            if ({real})
                return t;
    return MACRO_T;
}}

/* How many of the first samples are answered together: those without padding, or one with it. Sets
   their steps. */
static size_t NAME_alike(const REAL *x, size_t rows, size_t *steps)
{{
    size_t r = 1;
    *steps = NAME_length(x);
    while (*steps == MACRO_T && r < rows && NAME_length(x + r * MACRO_N_FEATURES) == MACRO_T)
        r++;
    return r;
}}

"""

_CHECK = """
int NAME_check(const REAL *x, size_t n)
{{
    size_t i, t, c, odd = 0;
    if (n > 0 && x == NULL)
        return MACRO_NULL_POINTER;
    for (i = 0; i < n; i++, x += MACRO_N_FEATURES) {{
        const size_t steps = NAME_length(x);
        for (t = 0; t < steps; t++)
            for (c = 0; c < {features}; c++)
                odd += !(x[{at}] - x[{at}] == 0);
    }}
    return odd ? MACRO_NOT_FINITE : MACRO_OK;
}}
"""


def has_steps(model: Model) -> bool:
    """Whether samples are series that may have any length up to that of the fit."""
    if model.columns is not None:
        return False
    series = free_series(model.ops)
    return series is not None and series.may_be_padded


def has_ends(model: Model) -> bool:
    """Whether such series have results for each step, which end where they do."""
    return has_steps(model) and bool(output_axes(model.ops))


def rows_of_steps(model: Model) -> list[int]:
    """The rows of results of series of one step, of two and so on; 0 if a layer refuses them."""
    series = free_series(model.ops)
    assert series is not None
    steps = range(1, series.steps + 1)
    return [
        output_axes(ops_of_steps(model.ops, one))[0] if _takes(model.ops, one) else 0
        for one in steps
    ]


def least_steps(model: Model) -> int:
    """The fewest steps that all layers take, as they take all above; at most those of the fit."""
    series = free_series(model.ops)
    assert series is not None
    least = series.steps
    while least > 1 and _takes(model.ops, least - 1):
        least -= 1
    return least


def _takes(ops, steps: int) -> bool:
    try:
        ops_of_steps(ops, steps)
    except StepsError:
        return False
    return True


def length_text(model: Model) -> str:
    """The C functions that find lengths; none if samples have one length."""
    if not has_steps(model):
        return ""
    series = free_series(model.ops)
    assert series is not None
    before = _place(series, "(t - 1)")
    what, real = "NaN", f"!isnan(x[{before}])"
    if series.are_tokens:
        what, real = f"the code {series.padding}", f"x[{before}] != {series.padding}"
    return _LENGTH.format(features=series.features, what=what, real=real)


def check_text(model: Model) -> str:
    """`NAME_check` of series of any length."""
    series = free_series(model.ops)
    assert series is not None
    return _CHECK.format(features=series.features, at=_place(series, "t"))


def _place(series: Series, step: str) -> str:
    """Where feature c of a step is in a sample."""
    return f"c * MACRO_T + {step}" if series.channels_first else f"{step} * {series.features} + c"


def resized(op, steps: str, number: int) -> tuple[list[str], str]:
    """C lines that make windows w<number> over series of so many steps, from those of the fit.

    Returns the lines, and the variable of the steps of the output, or "" if it has none. The lines
    have a field for the name of the windows of the fit.
    """
    windows, made = f"w{number}", f"t{number}"
    lines = [f"NAME_windows {windows} = {{name}};"]
    match op:
        case Pooling(is_whole=True):
            made, out = "", "1"
            lines.append(f"{windows}.kernel_columns = {steps};")
        case Convolution() | Pooling():
            out = _counted(op.windows, steps)
        case TransposedConvolution():
            [size], [count], [stride] = op.windows.sizes, op.windows.counts, op.windows.stride
            out = f"{steps} * {stride} + {size} - {count * stride}"
        case UpSampling():
            out = f"{steps} * {op.factors[0]}"
    if made:
        lines.append(f"const size_t {made} = {out};")
    over, along = (
        (made, steps)
        if isinstance(op, TransposedConvolution | UpSampling)
        else (
            steps,
            made or "1",
        )
    )
    return [*lines, f"{windows}.width = {over};", f"{windows}.columns = {along};"], made


def _counted(windows, steps: str) -> str:
    """How many windows series of so many steps have.

    The sum of which a stride is a part is not negative even where the only window overhangs.
    """
    _, [taps], [stride], [(before, after)], [dilation], overhangs = windows
    total = f"({steps} + {before + after + stride} - {dilation * (taps - 1) + 1})"
    count = f"{total} / {stride}"
    if not overhangs or stride == 1:
        return count
    begins = f"{count} * {stride} < {steps} + {before}"
    return f"{count} + ({total} % {stride} && {begins})"
