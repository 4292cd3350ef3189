"""The words of the plan: what each int64 slot of a program, stage, task, step and frame holds.

A plan is plain int64 arrays that hold counts, float64 bit patterns and addresses. Everything
an address points to is kept alive by the Python object that built the plan.

* program: one per network and use; read by all workers.
* stage: work between two barriers: tasks in a share per worker, claimed one by one, then at most
  one record run by the worker that finished the last of them, before anyone goes on.
* task: a chain of records, run one after the other over [lo, hi).
* routine: a task's records for one worker, in loops over its samples.
* record: the address of the op, its positions and lengths, then its operands (operands.py).
* step: rows [start, start + rows) of the passes' orders, through stages [first, last).
* frame: one per worker; the ops read the present step from it.
"""

# program
SYNC = 0  # address of the synchronisation words
YIELD = 1  # address of the C function that gives up the rest of a time slice
NAP = 2  # address of the C function that sleeps, and its argument
NAP_ARGUMENT = 3
STAGES = 4  # address of the stages
STEPS = 5  # address of the steps
FRAMES = 6  # address of the frames, FRAME_WIDTH per worker
SCRATCH = 7  # address of the scratch, SCRATCH_WORDS per worker
SCRATCH_WORDS = 8  # of four bytes
WORKERS = 9
PROGRAM_WIDTH = 10

# synchronisation words, two cache lines apart
FINISHED = 0  # tasks of the stage that are done
ABORT = 16
CLAIMS = 32  # of each worker's share: stages that are over, and the next task to claim
CLAIMS_WIDTH = 16  # from one worker's word to the next's

# stage
N_TASKS = 0
TASKS = 1  # address of the tasks
AFTER = 2  # address of the record run once after the stage, or 0
SHARES = 3  # address of WORKERS + 1 bounds: the tasks that each worker takes first
STAGE_WIDTH = 4

# task
CHAIN = 0  # address of the addresses of records, or of each worker's routine
N_RECORDS = 1  # of the chain, or LOOPED
LO = 2
HI = 3
KIND = 4
TASK_WIDTH = 5
LOOPED = -1

# routine: the number of its loops, then LOOP_WIDTH words for each
LOOP_STEP = 0  # samples at once; 0: all of the task
LOOP_RECORDS = 1  # address of the addresses of records
LOOP_N_RECORDS = 2
LOOP_MOVED = 3  # address of the slots to write before a step: the slot, what it holds for a step
LOOP_N_MOVED = 4  # from sample 0 on, and by how much that sinks with each sample before
LOOP_WIDTH = 5
MOVED_WIDTH = 3

# record
OP = 0  # address of the op
POSITIONS = 1  # rows of each sample, by which the bounds of tasks over samples are multiplied
LENGTHS = 2  # address of the number of rows of each sample that the op runs for, or 0: all
FIRST_OPERAND = 3

# kinds of tasks
WHOLE = 0  # [lo, hi) as given
ROWS_OF_BATCH = 1  # rows of the batch; cut to its size
ROWS_OF_WORKER = 2  # rows of the batch, worked on in the worker's own rows of the buffers

# step
START = 0
SAMPLES = 1
FIRST_STAGE = 2
LAST_STAGE = 3
STEP_WIDTH = 4

# frame; the first two as in a step
SHIFT = 2  # row of the batch less row of the buffers
STEP = 3  # number of the step
SETTINGS = 4  # address of float64 rows, SETTINGS_WIDTH per step
TOTALS = 5  # address of float64 rows, TOTALS_WIDTH per step, written
OWN_SETTINGS = 6  # address of OWN, where the settings times a record's factors are written
CHUNK = 7  # samples of a chunk, whose sums are added up in order
VARIED = 8  # address of float64 rows, N_VARIED per step: what varies with a schedule of its own
N_VARIED = 9
OWN = 10  # SETTINGS_WIDTH float64
FRAME_WIDTH = 24  # three cache lines

# settings of a step, float64
RATE = 0  # learning rate, with what corrects biases
SECOND_RATE = 1  # of the optimizers that have two
EPSILON_FACTOR = 2  # of the optimizer's epsilon
SCHEDULED = 3  # settings so far: they change from step to step as the optimizer says
DECAY = 3  # factor of the weights in the gradient: alpha / (sum of the batch's weights), or
# where decay is decoupled, the share that the step takes of the weights
SCALE = 4  # 1 / (sum of the batch's weights)
STREAM = 5  # the step's number in the random numbers of the fit
MIX = 6  # share that a row keeps of its own sample where two are mixed
AVERAGE = 7  # share of the weights in their averages
L1 = 8  # factor of the weights' signs in the gradient, over the sum of the batch's weights
CONTINUES = 9  # whether the samples are those of the step before, whose states are carried on
SETTINGS_WIDTH = 10

# totals of a step, float64
LOSS = 0  # sum of weight times loss over the rows
SQUARES = 1  # sum of squared weights before the update
ABSOLUTES = 2  # sum of their absolute values, where there is an L1 term
TOTALS_WIDTH = 3
