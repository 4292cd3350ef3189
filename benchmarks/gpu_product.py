"""Our products on a GPU beside cuBLAS: TFLOP/s of square matrices.

    python -m benchmarks.gpu_product [--prepare FOLDER | --prepared FOLDER] [--repeats 20]

Forward from 256 to 8192; the gradient of the input and the update of the weights, which takes
Adam's step too, at 4096; all three in float64 at 2048. `--prepare` compiles for sm_90 without a
GPU; see `gpu_correct`. cuBLAS is called by PyTorch, with TF32 off. Both run on one stream, in
turns; times are medians between two events. What both compute is compared before, but for updates.
"""

import argparse
from typing import NamedTuple

import numpy as np

from benchmarks.measuring.gpu.prepared import (
    CAPABILITY,
    NotPreparedError,
    Prepared,
    use_shape_of,
)

SIZES = 256, 512, 1024, 2048, 4096, 8192
THREADS, BLOCKS_EACH = 256, 2


class Product(NamedTuple):
    """A product of two square matrices.

    Parameters
    ----------
    part : str
        One of "forward", "backward" and "update".
    n : int
    dtype : type
    """

    part: str
    n: int
    dtype: type = np.float32

    def launch(self):
        """Its program, the launch of its op, and an array that it writes: w^T by an update."""
        from fusednn.kernels.intrinsics.shapes import SHAPE
        from fusednn.kernels.ops.updates.update import TILE_ROWS
        from fusednn.kernels.optimizers import OPTIMIZERS

        from fusednn.plan.binding.program import Task
        from fusednn.plan.cuda.image import Image
        from fusednn.plan.cuda.program import CudaProgram
        from fusednn.plan.layout.forms import Panels
        from fusednn.plan.memory.buffers import Block, aligned_zeros

        n, form = self.n, Panels(self.n, self.n, self.dtype)
        w, x, out = (aligned_zeros(n * n, self.dtype) for _ in range(3))
        random = np.random.default_rng(0)
        given = [random.standard_normal((n, n), np.float32).astype(self.dtype) for _ in range(2)]
        x[:] = given[0].reshape(-1)
        rows = [Block(array, n, n) for array in (out, x)]
        zeros = aligned_zeros(max(n, 512), self.dtype)
        if self.part == "update":
            form.pack(w, given[1])
            states = {f"state_{k}": aligned_zeros(form.count, self.dtype) for k in (1, 2, 3)}
            operands = {"step": (OPTIMIZERS["adam"].step, "step"), "parameters": w, **states}
            operands["transposed"] = out = aligned_zeros(form.transposed_count, self.dtype)
            operands |= {"x": rows[1], "dz": rows[1], "zeros": zeros, **form.update_operands()}
            op, operands["constants"] = form.update_op, np.array([0.9, 0.999, 1e-8, 0.0])
            operands["state_3"] = operands["state_2"]
        elif self.part == "backward":
            form.pack_transposed(w, given[1])
            op, operands = form.backward_op, {"dx": rows[0], "dz": rows[1], "w_transposed": w}
            operands |= {"zeros": zeros, **form.backward_operands()}
        else:
            form.pack(w, given[1])
            op, operands = form.forward_op, {"out": rows[0], "x": rows[1], "w": w, "b": zeros}
            operands |= {"floor": -np.inf, **form.forward_operands()}
        panel = SHAPE.panel(np.dtype(self.dtype).itemsize)
        program = CudaProgram(self.dtype, 1, TILE_ROWS * panel)  # where the CPU sums a tile
        record = program.record(op, operands)
        bounds = form.tiles(n) if self.part == "update" else [(0, n, 1.0)]
        program.set_stages([([Task([record], lo, hi) for lo, hi, _ in bounds], None)])
        program.set_steps(np.array([[0, n, 0, 1]]))
        image = Image(program)
        return program, image, image.launches[0][0], out


def on_gpu(torch, core, product, compiled):
    """Two functions that multiply the same matrices, and their results."""
    from fusednn.kernels import records

    program, image, launch, out = product.launch()
    tensors = {id(array): torch.tensor(array, device="cuda") for array in image.arrays()}

    def address(array):
        return tensors[id(array)].data_ptr()

    frame = program.frames.copy()
    for words, at, array in image.elsewhere:
        assert words is program.frames
        frame[at] = address(array)
    frame[[records.START, records.SAMPLES, records.STEP]] = 0, product.n, 0
    words, frame = (
        torch.tensor(each, device="cuda") for each in (image.relocated(address), frame)
    )
    [kernel] = [one for one, number in program.kernels.items() if number == launch.kernel]
    device = core.Device()
    device.set_current()
    cubin = compiled(kernel, program.dtype, torch.cuda.get_device_capability())
    function = core.ObjectCode.from_cubin(cubin.code).get_kernel(cubin.name)
    blocks = BLOCKS_EACH * torch.cuda.get_device_properties(0).multi_processor_count
    scratch = torch.zeros(blocks * cubin.scratch + 1, device="cuda", dtype=torch.float64)
    config = core.LaunchConfig(grid=blocks, block=THREADS)
    stream = core.Stream.from_handle(torch.cuda.current_stream().cuda_stream)
    places = [words.data_ptr() + image.offset(each) for each in (launch.record, launch.tasks)]
    given = places[0], frame.data_ptr(), scratch.data_ptr(), places[1]

    def ours():
        core.launch(stream, config, function, *given, len(launch.tasks))
        return tensors, scratch, frame, words

    random, n = np.random.default_rng(0), product.n
    x, w = (
        torch.tensor(random.standard_normal((n, n), np.float32).astype(product.dtype)).cuda()
        for _ in range(2)
    )
    right = {"forward": (x, w), "backward": (x, w.T), "update": (x.T, x)}[product.part]
    found = torch.zeros_like(x)
    calls = {"fusednn": ours, "cuBLAS": lambda: torch.mm(*right, out=found)}
    return calls, tensors[id(out)].reshape(n, n), found


def seconds(torch, call):
    """One call between two events."""
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()
    call()
    last.record()
    last.synchronize()
    return first.elapsed_time(last) / 1e3


PRODUCTS = [
    *(Product("forward", n) for n in SIZES),
    *(Product("backward", 4096), Product("update", 4096)),
    *(Product(part, 2048, np.float64) for part in ("forward", "backward", "update")),
]


def prepare(folder):
    """Compiles all kernels."""
    from fusednn.training.cuda.gpu import compiled_kernel

    prepared = Prepared(folder, compiled_kernel)
    for part in ("forward", "backward", "update"):
        for dtype in (np.float32, np.float64):
            program, _, launch, _ = Product(part, 64, dtype).launch()
            for kernel, number in program.kernels.items():
                if number == launch.kernel:
                    cubin = prepared.compiled(kernel, program.dtype, CAPABILITY)
                    print(f"{part}, {np.dtype(dtype)}: {cubin.registers} registers a thread")
    print(prepared.in_words())


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = parser.add_mutually_exclusive_group()
    folder.add_argument("--prepare", metavar="FOLDER", help="compile for sm_90 and end")
    folder.add_argument("--prepared", metavar="FOLDER")
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    if options.prepare:
        prepare(options.prepare)
        return
    if options.prepared:
        use_shape_of(options.prepared)
    try:
        import torch
        from cuda import core

        from fusednn.training.cuda.gpu import compiled_kernel

        prepared = options.prepared and Prepared(options.prepared)
    except (ImportError, NotPreparedError) as error:
        print(f"This benchmark needs PyTorch and cuda-core on a machine with a GPU: {error}.")
        return
    if not torch.cuda.is_available():
        print("This benchmark needs a GPU, and PyTorch finds none here.")
        return
    torch.backends.cuda.matmul.allow_tf32 = False
    compiled = prepared.compiled if prepared else compiled_kernel
    print(f"{torch.cuda.get_device_name()}, TFLOP/s\n")
    print("| product | n | type | fusednn | cuBLAS | share |\n|---|---|---|---|---|---|")
    for product in PRODUCTS:
        calls, out, found = on_gpu(torch, core, product, compiled)
        for call in calls.values():
            call()
        if product.part != "update":
            torch.testing.assert_close(out, found, rtol=0, atol=1e-4 * product.n**0.5)
        times = {name: [] for name in calls}
        for _ in range(options.repeats):
            for name, call in calls.items():
                times[name].append(seconds(torch, call))
        flops = 2e-12 * product.n**3
        rates = {name: flops / float(np.median(each)) for name, each in times.items()}
        ours, theirs = rates["fusednn"], rates["cuBLAS"]
        row = product.part, product.n, np.dtype(product.dtype), f"{ours:.1f}", f"{theirs:.1f}"
        print(f"| {' | '.join(map(str, row))} | {ours / theirs:.2f} |", flush=True)


if __name__ == "__main__":
    main()
