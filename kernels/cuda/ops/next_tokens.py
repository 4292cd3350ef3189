"""The loss of a network that predicts the next token at each step of a window over codes."""

from fusednn.kernels import records
from fusednn.kernels.cuda.language import block, blocks, local, thread
from fusednn.kernels.cuda.ops.softmax_rows import TILE, is_softmax, rows_at_once, soften_rows
from fusednn.kernels.cuda.spreading import is_inside
from fusednn.kernels.cuda.twins import twin
from fusednn.kernels.intrinsics.pointers import slot
from fusednn.kernels.intrinsics.scalars import cast
from fusednn.kernels.ops import next_tokens
from fusednn.kernels.ops.frames import sample_of, step_settings
from fusednn.kernels.ops.next_tokens import NEXT_TOKENS
from fusednn.kernels.ops.output import LOGITS
from fusednn.kernels.ops.products.tokens import integer_at

from .output import (
    WARP,
    add_losses,
    by_rows,
    finish_row,
    last_sample,
    note_loss,
    samples_at_once,
)


def code_of_row(record, frame, row):
    """The code behind that of a row."""
    positions = record[records.POSITIONS]
    place = sample_of(record, frame, row // positions, LOGITS.order) + row % positions
    return integer_at(record, NEXT_TOKENS.codes, record[NEXT_TOKENS.kind], place)


def loss_of_code(record, frame, row, dz, work, function):
    """A row's loss; dz <- its gradient."""
    value, target = local(1, 0.0), local(1, dz[0])
    constants, zero = slot(record, LOGITS.constants, dz[0]), cast(0, dz[0])
    target[0] = cast(code_of_row(record, frame, row), zero)
    function(value, dz, target, work, record[LOGITS.outputs], 1, constants)
    return finish_row(record, frame, dz, value[0], 0)


@twin(next_tokens.next_token_loss, over_padding=True)
def next_token_loss(record, frame, scratch, lo, hi, function):
    """Rows [lo, hi): dlogits (B, O) = scale x gradient; overwrites."""
    by_rows(record, frame, lo, hi, loss_of_code, function, cast(0, scratch[0]))


@twin(next_tokens.next_token_loss, where=is_softmax)
def next_token_loss_of_softmax(record, frame, scratch, lo, hi, function):
    """`next_token_loss` of the softmax cross-entropy: all threads of a block have its rows."""
    factor = cast(step_settings(frame)[records.SCALE], scratch[0])
    positions, group = record[records.POSITIONS], samples_at_once(record, WARP)
    for sample in range(
        lo // positions + block() * group, last_sample(record, hi), blocks() * group
    ):
        last = min(sample + group, last_sample(record, hi))
        first, end = max(lo, sample * positions), min(hi, last * positions)
        rows = rows_at_once(end - first)
        for top in range(first, end, rows):
            n, own, code = min(rows, end - top), top + thread(), 0
            has_row = thread() < n and is_inside(record, own)
            if has_row:
                code = code_of_row(record, frame, own)
            value = soften_rows(record, top, n, TILE // rows, code, factor)
            if has_row:
                note_loss(record, value, own)
        add_losses(record, lo, hi, sample, last)
