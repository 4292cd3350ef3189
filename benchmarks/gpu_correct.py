"""Whether a GPU computes the bits of the CPU: every op that has a twin, networks, estimators.

    python -m benchmarks.gpu_correct [--prepare FOLDER | --prepared FOLDER] [--only op dense ...]
                                     [--sanitize]

`--prepare` needs no GPU: it compiles for sm_90, computes on the CPU, and keeps both in a folder,
which is carried to the machine with a GPU and read there with `--prepared`. Nothing is compiled
for a GPU there, nor computed again on its CPU, and the same sources are asked for. Without either,
all is done where it runs.

Networks run by launches, and fits as the library chooses: programs take some 20 s to compile.

`--only` takes the checks whose names have one of these words. `--sanitize` runs those of ops once
more under compute-sanitizer, with memcheck and racecheck. The exit status is 1 if a bit differs.
"""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.measuring.gpu.bits import Difference
from benchmarks.measuring.gpu.prepared import NotPreparedError, Prepared, use_shape_of

WANTED = "wanted.npz"
TOOLS = "memcheck", "racecheck"
FATAL = "CUDA_ERROR_ILLEGAL", "CUDA_ERROR_MISALIGNED", "CUDA_ERROR_LAUNCH_FAILED"
"""What nothing can be run after."""


def parse():
    """The command line."""
    found = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    folder = found.add_mutually_exclusive_group()
    folder.add_argument("--prepare", metavar="FOLDER")
    folder.add_argument("--prepared", metavar="FOLDER")
    found.add_argument("--only", nargs="+", default=[""], metavar="WORD")
    found.add_argument("--sanitize", action="store_true")
    return found.parse_args()


def prepare(checks, folder):
    """Compiles what the checks need, and keeps what the CPU computes."""
    from benchmarks.measuring.gpu.recorder import Recorder
    from fusednn.training.cuda.loaded import compiled_kernel, compiled_program

    prepared, wanted = Prepared(folder, compiled_kernel, compiled_program), {}
    for check in checks:
        try:
            check.on_device(lambda: Recorder(prepared.compiled, prepared.program))
        except NotImplementedError as refusal:
            print(f"{check.key}: {refusal}")
            continue
        except Exception as failure:  # on answers that are all 0; the kernels are there
            print(f"{check.key}: recorded until {type(failure).__name__}: {failure}")
        for name, array in check.on_cpu().items():
            wanted[f"{check.key}: {name}"] = array
    np.savez_compressed(Path(folder) / WANTED, **wanted)
    print(prepared.in_words())


def judged(check, opened, wanted):
    """The word of the table for a check: `ok`, what differs, or why it did not run."""
    try:
        found = check.on_device(opened)
    except NotImplementedError:
        return "refused"
    except NotPreparedError as error:
        return f"not prepared: {error}"
    except Exception as failure:
        return f"FAILED, {type(failure).__name__}: {str(failure).splitlines()[0][:120]}"
    difference = Difference()
    for name, array in (wanted or check.on_cpu()).items():
        difference.add(found[name], array)
    return difference.in_words()


def compare(checks, opened, kept):
    """Prints the table; returns how many checks are not as they should be.

    Parameters
    ----------
    checks : list of Check
    opened : callable
        Opens the device.
    kept : mapping of str to ndarray, or None
        What the CPU computed.
    """
    print("| check | bits |\n|---|---|")
    counts = {}
    for check in checks:
        wanted = None
        if kept is not None:
            start = f"{check.key}: "
            wanted = {n.removeprefix(start): kept[n] for n in kept if n.startswith(start)}
        word = judged(check, opened, wanted)
        print(f"| {check.key} | {word} |", flush=True)
        kind = word if word in ("ok", "refused") else "wrong"
        counts[kind] = counts.get(kind, 0) + 1
        if any(error in word for error in FATAL):
            print("\nThe GPU runs nothing after this error.")
            break
    print("\n" + ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())))
    return counts.get("wrong", 0)


def sanitize(options):
    """Runs the checks of ops under compute-sanitizer."""
    program = shutil.which("compute-sanitizer")
    if program is None:
        print("compute-sanitizer is not on this machine.")
        return 0
    given = ["--prepared", options.prepared] if options.prepared else []
    words = options.only if options.only != [""] else ["op "]
    failed = 0
    for tool in TOOLS:
        print(f"\n{tool}:", flush=True)
        command = [program, "--tool", tool, "--error-exitcode", "9", sys.executable, "-m"]
        run = subprocess.run(
            [*command, "benchmarks.gpu_correct", *given, "--only", *words],
            capture_output=True,
            text=True,
        )
        print("\n".join((run.stdout + run.stderr).splitlines()[-12:]))
        failed += run.returncode != 0
    return failed


def main():
    options, start = parse(), time.perf_counter()
    if options.prepared:
        use_shape_of(options.prepared)
    from benchmarks.measuring.gpu.checks import every_check

    checks = [one for one in every_check() if any(word in one.name for word in options.only)]
    if not checks:
        sys.exit(f"no check has one of these words in its name: {', '.join(options.only)}")
    if options.prepare:
        prepare(checks, options.prepare)
        return
    from fusednn.training.cuda import gpu

    makers, kept = (), None
    try:
        if options.prepared:
            prepared = Prepared(options.prepared)
            makers = prepared.compiled, prepared.program
            kept = dict(np.load(Path(options.prepared) / WANTED))
        opened = gpu.open_gpu(*makers)
    except (ImportError, RuntimeError, NotPreparedError) as error:
        print(f"This benchmark needs a GPU: {error}")
        return
    print(f"{opened.name}, {len(checks)} checks\n")
    opened.close()
    wrong = compare(checks, lambda: gpu.open_gpu(*makers), kept)
    print(f"{time.perf_counter() - start:.0f} s", flush=True)
    if options.sanitize:
        wrong += sanitize(options)
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
