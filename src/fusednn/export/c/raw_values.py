"""The C functions that prepare one value of a raw table."""

from __future__ import annotations

import numpy as np

from fusednn.tables.preparing.raw_types import DAY
from fusednn.tables.preparing.scaling import BEYOND, LARGEST, LIMIT

from .text import number

DOUBLE = np.dtype(np.float64)

_SCALED = f"""\
/* A number scaled by median and quartiles, and clipped smoothly; 0 if it is missing. */
static double NAME_by_quartiles(double x, double center, double factor)
{{{{
    const double most = {number(LARGEST, DOUBLE)}, beyond = {number(BEYOND, DOUBLE)};
    double part;
    if (x != x)
        return 0;
    x -= center;
    x = x > most ? most : x < -most ? -most : x;
    x *= factor;
    x = x > beyond ? beyond : x < -beyond ? -beyond : x;
    part = x / {LIMIT!r};
    return x / sqrt(1 + part * part);
}}}}

"""
_TEXT_CODE = """\
/* The code of a text, found in sorted ones by halving; 0 if it is missing or unseen. */
static size_t NAME_text_code(const char *text, const char *const *texts, const uint32_t *codes,
                             size_t count)
{{
    size_t first = 0, last = count;
    if (text == NULL)
        return 0;
    while (first < last) {{
        const size_t middle = first + (last - first) / 2;
        const int order = strcmp(text, texts[middle]);
        if (order == 0)
            return codes[middle];
        if (order < 0)
            last = middle;
        else
            first = middle + 1;
    }}
    return 0;
}}

"""
_NUMBER_CODE = """\
/* The code of a number, found in sorted ones by halving; 0 if it is missing or unseen. */
static size_t NAME_number_code(double x, const double *numbers, const uint32_t *codes,
                               size_t count)
{{
    size_t first = 0, last = count;
    while (first < last) {{
        const size_t middle = first + (last - first) / 2;
        if (x == numbers[middle])
            return codes[middle];
        if (x < numbers[middle])
            last = middle;
        else
            first = middle + 1;
    }}
    return 0;
}}

"""
_DAYS = """\
/* The days from a moment to another. */
static double NAME_days(int64_t moment, int64_t start)
{{
    return (double)(int64_t)((uint64_t)moment - (uint64_t)start) / DAY.0;
}}

""".replace("DAY", str(DAY))
_DATE = """\
/* A moment in microseconds since 1970 as a date. Years begin in March, so that the day that leap
   years have is their last; see Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013. */
typedef struct {{
    int64_t year, month, day, weekday, time;
    int gone;
}} NAME_date;

static NAME_date NAME_date_of(int64_t moment)
{{
    const int64_t length = INT64_C(DAY);
    int64_t days, since, doe, yoe, doy, mp;
    NAME_date date;
    date.gone = moment == INT64_MIN;
    date.time = (moment % length + length) % length;
    days = moment / length - (moment % length < 0);
    date.weekday = ((days + 3) % 7 + 7) % 7;
    since = days + 719468;
    doe = (since % 146097 + 146097) % 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    date.day = doy - (153 * mp + 2) / 5 + 1;
    date.month = mp < 10 ? mp + 3 : mp - 9;
    date.year = yoe + (since - doe) / 146097 * 400 + (mp >= 10);
    return date;
}}

""".replace("DAY", str(DAY))

FUNCTIONS = {
    "scaled": _SCALED,
    "text_code": _TEXT_CODE,
    "number_code": _NUMBER_CODE,
    "days": _DAYS,
    "date": _DATE,
}
"""The texts of the functions by name, each behind those that it calls; braces are doubled."""
