"""What NVIDIA's disassembler says of machine code."""

import os
import re
import subprocess
import tempfile
from collections import Counter

from cuda.pathfinder import find_nvidia_binary_utility

INSTRUCTION = re.compile(r"\s*/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][A-Z0-9_.]*)(.*);")
LABEL = re.compile(r"\s*(\.L_x_\d+):")
TARGET = re.compile(r"`\((\.L_x_\d+)\)")


def disassembled(code):
    """The text of a cubin."""
    tool = find_nvidia_binary_utility("nvdisasm")
    assert tool is not None, "nvidia-cuda-nvdisasm is not installed"
    handle, path = tempfile.mkstemp(suffix=".cubin")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(code)
        return subprocess.run(
            [tool, "-c", path], capture_output=True, text=True, check=True
        ).stdout
    finally:
        os.unlink(path)


def instructions(code):
    """The names of a cubin's instructions, in order, with their modifiers; `code` may be its text,
    too."""
    text = code if isinstance(code, str) else disassembled(code)
    found = map(INSTRUCTION.match, text.splitlines())
    return [match[1] for match in found if match]


def loops(code):
    """The instructions of each loop of a cubin, counted: one Counter for each branch back."""
    names, labels, found = [], {}, []
    for line in disassembled(code).splitlines():
        if label := LABEL.match(line):
            labels[label[1]] = len(names)
        elif match := INSTRUCTION.match(line):
            names.append(match[1])
            target = TARGET.search(match[2])
            if target and target[1] in labels:
                found.append(Counter(names[labels[target[1]] :]))
    return found
