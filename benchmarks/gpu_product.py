"""Our float32 product on a GPU beside cuBLAS: TFLOP/s of square products from 256 to 8192.

    python -m benchmarks.gpu_product [--prepare] [--repeats 20]

`--prepare` compiles for sm_90 and keeps the machine code on disk: it needs no GPU, so that none
waits for a compiler. cuBLAS is called by PyTorch, with TF32 off. Both run on one stream, in turns;
times are medians between two events. Each product is compared with cuBLAS's before it is timed.
"""

import argparse
import struct

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.cuda.cache import cubin_of
from fusednn.kernels.ops.products import dense
from fusednn.kernels.ops.products.dense import FORWARD

from fusednn.plan.layout.forms import Panels

SIZES = 256, 512, 1024, 2048, 4096, 8192
THREADS, BLOCKS_EACH = 256, 2


def product(torch, core, n):
    """Two functions that multiply the same matrices of n rows and columns, and their results."""
    form = Panels(n, n, np.float32)
    random = np.random.default_rng(0)
    weights = random.standard_normal((n, n), dtype=np.float32)
    packed = np.zeros(form.count, np.float32)
    form.pack(packed, weights)
    x = torch.randn(n, n, device="cuda")
    w, panels = torch.tensor(weights, device="cuda"), torch.tensor(packed, device="cuda")
    out, found, b = (torch.zeros(shape, device="cuda") for shape in ((n, n), (n, n), (n,)))
    words = np.zeros(FORWARD.size, np.int64)
    words[records.POSITIONS] = 1
    words[FORWARD.out], words[FORWARD.out_stride] = out.data_ptr(), n
    words[FORWARD.x], words[FORWARD.x_stride] = x.data_ptr(), n
    words[FORWARD.w], words[FORWARD.b] = panels.data_ptr(), b.data_ptr()
    words[FORWARD.fan_in], words[FORWARD.fan_out] = n, n
    words[FORWARD.floor] = struct.unpack("q", struct.pack("d", -np.inf))[0]
    record, tasks = (torch.tensor(a, device="cuda") for a in (words, [0, n, records.WHOLE]))
    frame = torch.zeros(records.FRAME_WIDTH, dtype=torch.int64, device="cuda")
    device = core.Device()
    device.set_current()
    cubin = cubin_of(dense.dense_forward, np.float32, {}, torch.cuda.get_device_capability())
    kernel = core.ObjectCode.from_cubin(cubin.code).get_kernel(cubin.name)
    processors = torch.cuda.get_device_properties(0).multi_processor_count
    config = core.LaunchConfig(grid=BLOCKS_EACH * processors, block=THREADS)
    stream = core.Stream.from_handle(torch.cuda.current_stream().cuda_stream)
    arguments = [one.data_ptr() for one in (record, frame, b, tasks)]
    kept = record, frame, tasks, panels, b

    def ours():
        core.launch(stream, config, kernel, *arguments, 1)
        return kept

    return {"fusednn": ours, "cuBLAS": lambda: torch.mm(x, w, out=found)}, out, found


def seconds(torch, call):
    """One call between two events."""
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()
    call()
    last.record()
    last.synchronize()
    return first.elapsed_time(last) / 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prepare", action="store_true", help="compile for sm_90 and end")
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    if options.prepare:
        cubin = cubin_of(dense.dense_forward, np.float32, {}, (9, 0))
        print(f"{len(cubin.code)} bytes of machine code, {cubin.registers} registers a thread")
        return
    try:
        import torch
        from cuda import core
    except ImportError as error:
        print(f"This benchmark needs PyTorch and cuda-core on a machine with a GPU: {error}.")
        return
    if not torch.cuda.is_available():
        print("This benchmark needs a GPU, and PyTorch finds none here.")
        return
    torch.backends.cuda.matmul.allow_tf32 = False
    print(f"{torch.cuda.get_device_name()}, TFLOP/s\n\n| n | fusednn | cuBLAS | share |")
    print("|---|---|---|---|")
    for n in SIZES:
        calls, out, found = product(torch, core, n)
        for call in calls.values():
            call()
        torch.testing.assert_close(out, found, rtol=0, atol=1e-4 * n**0.5)
        times = {name: [] for name in calls}
        for _ in range(options.repeats):
            for name, call in calls.items():
                times[name].append(seconds(torch, call))
        rates = {name: 2e-12 * n**3 / float(np.median(each)) for name, each in times.items()}
        ours, theirs = rates["fusednn"], rates["cuBLAS"]
        print(f"| {n} | {ours:.1f} | {theirs:.1f} | {ours / theirs:.2f} |", flush=True)


if __name__ == "__main__":
    main()
