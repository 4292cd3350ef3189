"""How many samples and rows go together, and what follows from each number.

All are constants, never the machine's caches: sums depend on some. A row here is one of a sample's
positions; flat samples have one.

What follows from another number:

* BLOCK_LIMIT and LEAST_BLOCK: other bits, since gradients are added up block by block.
* ANSWER_ROWS and ANSWER_BYTES: speed, and the memory of predictors.
* TASK_ROWS, STEP_ROWS and LOSS_ROWS: speed alone.
"""

BLOCK_LIMIT = 4096
"""Rows of a batch that go forward and back at once: larger batches store their gradient, block by
block, so that memory does not grow with the batch."""

LEAST_BLOCK = 256
"""Samples that go at once however many rows they have: smaller batches are not cut. A sample of
28 x 28 x 32 takes 100 KB for each layer in float32, so a block of them takes 26 MB."""

TASK_ROWS = 128
"""The most rows of a task of the row stage: its layers' outputs stay in the second-level cache."""

ANSWER_ROWS = 64
"""The fewest rows of a block of answers: enough to use each weight often."""

ANSWER_BYTES = 1 << 18
"""The layers' outputs for a block of answers, about: they stay in the second-level cache.

Blocks of 64 rows of 20-64-64-2 take 200 us to lower for 20,000 rows, which compute for 500 us.
"""

STEP_ROWS = 65536
"""Samples of a step of answers; a step is what one barrier ends."""

LOSS_ROWS = 1024
"""Rows of a task of losses of known logits."""
