"""A loop in IR that carries values, for code generators whose loops Numba would not vectorise."""

from llvmlite import ir

_I64 = ir.IntType(64)


def emit_loop(builder, first, last, step, totals, body):
    """IR of a loop over [first, last) by `step`: `body(at, totals)` returns the new totals.

    Returns the totals after the last round; those it was given where there is no round.
    """
    entry = builder.block
    loop, inside, done = (builder.append_basic_block(name) for name in ("loop", "round", "done"))
    builder.branch(loop)
    builder.position_at_end(loop)
    at, phis = builder.phi(_I64), [builder.phi(total.type) for total in totals]
    builder.cbranch(builder.icmp_signed("<", at, last), inside, done)
    builder.position_at_end(inside)
    after = body(at, phis)
    last_of_body = builder.block  # another one than `inside` if the body has a loop
    at.add_incoming(first, entry)
    at.add_incoming(builder.add(at, _I64(step)), last_of_body)
    for phi, before, following in zip(phis, totals, after, strict=True):
        phi.add_incoming(before, entry)
        phi.add_incoming(following, last_of_body)
    builder.branch(loop)
    builder.position_at_end(done)
    return phis
