"""What device code says of threads, barriers and fast memory; outside of a GPU each name raises.

The compiler and the simulator of the tests bind these names to what they mean by them.
"""


def _only_on_a_device(name):
    def placeholder(*arguments):
        raise RuntimeError(f"{name} has a meaning in device code only")

    placeholder.__name__ = placeholder.__qualname__ = name
    return placeholder


thread = _only_on_a_device("thread")
"""thread(): the number of this thread in its block, int64."""

thread_again = _only_on_a_device("thread_again")
"""thread_again(): as `thread`, asked at this place: what follows from it is computed here, and
takes no registers before."""

threads = _only_on_a_device("threads")
"""threads(): the threads of a block."""

block = _only_on_a_device("block")
"""block(): the number of this block."""

blocks = _only_on_a_device("blocks")
"""blocks(): the blocks of the launch."""

barrier = _only_on_a_device("barrier")
"""barrier(): all threads of the block wait for each other here, and see what was written."""

grid_barrier = _only_on_a_device("grid_barrier")
"""grid_barrier(arrivals): all threads of all blocks wait for each other here, and see what was
written; the pointer is to a word that begins as 0, and that nothing else uses."""

shared = _only_on_a_device("shared")
"""shared(n, like): pointer to n elements that the block shares; n is a literal. They hold nothing
before, and a call's own memory is used again by the next call at the same place."""

dynamic = _only_on_a_device("dynamic")
"""dynamic(like): pointer to the shared memory that the launch gives the block."""

address = _only_on_a_device("address")
"""address(pointer): where it points to, as a word that a record may hold."""

local = _only_on_a_device("local")
"""local(n, like): pointer to n elements of the thread's own, in registers; n is a literal."""

load4 = _only_on_a_device("load4")
"""load4(pointer, i): the four elements from i on, at an address that 16 divides."""

store4 = _only_on_a_device("store4")
"""store4(pointer, i, a, b, c, d): writes four elements from i on, where `load4` may read."""

copy = _only_on_a_device("copy")
"""copy(target, i, source, j): begins to copy an element of global to shared memory."""

copy4 = _only_on_a_device("copy4")
"""copy4(target, i, source, j): the same of four elements, at addresses that 16 divides."""

commit_copies = _only_on_a_device("commit_copies")
"""commit_copies(): the copies since the last call are a group."""

wait_copies = _only_on_a_device("wait_copies")
"""wait_copies(n): waits until all groups of this thread but the last n are there."""

single = _only_on_a_device("single")
"""single(): the code around it is there once in machine code: no loop is written out for it."""
