"""How many samples and rows are processed together, and what each number affects.

All are constants that do not depend on the machine's caches, since the bits of sums depend on
some. A row here is one of a sample's positions; flat samples have one.

Another number changes:

* BLOCK_LIMIT and LEAST_BLOCK: the bits, since gradients are added up block by block.
* ANSWER_ROWS, ANSWER_BYTES, SERIES_SAMPLES and OWN_BYTES: speed, and the memory of predictors.
* TASK_SAMPLES and STEP_BYTES: speed, and the memory of fits and predictors.
* all others: speed alone.
"""

BLOCK_LIMIT = 4096
"""The most rows of a batch that are processed at once: larger batches store their gradient, block
by block, so that memory does not grow with the batch."""

LEAST_BLOCK = 256
"""Samples that are processed at once whatever their number of rows: smaller batches are not cut. A
sample of 28 x 28 x 32 takes 100 KB for each layer in float32, so a block of them takes 26 MB."""

TASK_ROWS = 128
"""The most rows of a task of the row stage: its layers' outputs stay in the second-level cache."""

TASK_SAMPLES = 32
"""The most samples of a task of the row stage, if they have several rows: a large dense layer
behind convolutions reads its weights once for each task."""

SERIES_SAMPLES, SERIES_WEIGHTS = 16, 1 << 17
"""The most samples of an inference block with recurrences whose weights have at most so many
elements: the sums of all their steps leave the second-level cache less. Larger weights are read
from beyond it once for each step and block."""

STEP_BYTES = 1 << 18
"""About the bytes of what a loop over samples of several rows writes and reads in a step."""

ANSWER_ROWS = 64
"""The fewest rows of an inference block: enough to use each weight often."""

ANSWER_BYTES = 1 << 18
"""About the bytes of all layers' outputs for an inference block, so that they stay in the
second-level cache.

With blocks of 64 rows, lowering 20-64-64-2 for 20,000 rows takes 200 us, and running it 500 us.
"""

STEP_ROWS = 65536
"""Samples of a step of inference; each step ends with a barrier."""

LOSS_ROWS = 1024
"""Rows of a task that computes losses of known logits."""

OWN_BYTES = 1 << 22
"""About the most bytes of outputs of which each layer's have memory of their own in the plan of
samples that several threads share: fewer barriers. More would leave the caches."""

PART_OPERATIONS = 100_000
"""The fewest operations of a part of the work on one sample, some 1 us, as a barrier takes."""

PARTS_PER_WORKER = 2
"""Parts of a stage for each worker: others take what one that lost its core has not begun."""
