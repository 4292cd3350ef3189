"""Files changed at random: bytes, and the JSON of headers and plans; each by its seed alone."""

import copy
import json
import random

from fusednn.serving.files.op_fields import SHORTCUT_SINCE
from fusednn.serving.files.reading import KEY

VALUES = [
    *(
        0,
        1,
        -1,
        2,
        3,
        5,
        255,
        2**31 - 1,
        2**31,
        2**53 + 1,
        2**63 - 1,
        2**63,
        2**64,
        10**30,
        10**400,
    ),
    *(0.0, -0.0, 0.5, 1e-320, 1e308, -1e30, 1.5),
    *(
        None,
        True,
        False,
        "",
        "a",
        "../../etc/passwd",
        "\0",
        "\ud800",
        "é" * 50,
        "nan",
        "x" * 20_000,
    ),
    *([], {}, [[]], [0], [1, 2], {"op": "Dense"}, {"": 0}, [None] * 50, [{}] * 3, ["a"]),
    *("Dense", "Residual", "Through", "Noise", "Embedding", "relu", "softmax", "values", "exp"),
    *("F64", "F32", "U8", "BOOL", "object", "str3", "str9999999", "int64", "float16", "estimator"),
]
"""What takes the place of parts of a header."""

KEYS = [
    "op",
    "width",
    "__class__",
    "__metadata__",
    KEY,
    "shape",
    "inner",
    "shortcut",
    "",
    "0",
    "tuple",
    "array",
]


def split(data):
    """Header and tensors of a file."""
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def joined(header, tensors):
    """The file of both, with the right length."""
    found = json.dumps(header).encode()
    return len(found).to_bytes(8, "little") + found + tensors


def mutated(files, seed):
    """One of the files changed in one to three ways; `files` are bytes."""
    chance = random.Random(seed)
    data = chance.choice(files)
    change = chance.choice(CHANGES)
    data = change(data, chance, files)
    return data if chance.random() < 0.8 else chance.choice(BYTES)(data, chance, files)


# -- bytes -------------------------------------------------------------------------------


def _flip(data, chance, files):
    found = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        if found:
            found[chance.randrange(len(found))] ^= 1 << chance.randrange(8)
    return bytes(found)


def _flip_in_header(data, chance, files):
    length = min(int.from_bytes(data[:8], "little"), len(data) - 8)
    if length <= 0:
        return data
    at = 8 + chance.randrange(length)
    return data[:at] + bytes([chance.randrange(32, 127)]) + data[at + 1 :]


def _cut(data, chance, files):
    return data[: chance.randrange(len(data) + 1)]


def _grow(data, chance, files):
    return data + bytes(chance.randrange(256) for _ in range(chance.randint(1, 20)))


def _splice(data, chance, files):
    other = chance.choice(files)
    first, last = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    start, stop = sorted(chance.randrange(len(other) + 1) for _ in range(2))
    return data[:first] + other[start:stop] + data[last:]


def _other_tensors(data, chance, files):
    try:
        header, _ = split(data)
    except ValueError:
        return data
    return joined(header, split(chance.choice(files))[1])


def _length(data, chance, files):
    length = int.from_bytes(data[:8], "little")
    other = chance.choice(
        [length + chance.randint(-20, 20), chance.randrange(1 << 64), 0, 1 << 63, (1 << 64) - 1]
    )
    return (other % (1 << 64)).to_bytes(8, "little") + data[8:]


def _random_bytes(data, chance, files):
    return chance.randbytes(chance.randrange(400))


# -- JSON --------------------------------------------------------------------------------


def _places(value, found):
    """All (container, key) of a JSON value."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            found.append((value, key))
            _places(value[key], found)
    return found


def _change(value, chance):
    """One part of a JSON value replaced, taken away, doubled, moved or renamed."""
    places = _places(value, [])
    if not places:
        return
    holder, key = chance.choice(places)
    way = chance.randrange(6)
    if way <= 1:
        holder[key] = copy.deepcopy(chance.choice(VALUES))
    elif way == 2:
        other, at = chance.choice(places)
        holder[key] = copy.deepcopy(other[at])
    elif way == 3:
        del holder[key]
    elif isinstance(holder, list):
        holder.insert(
            key, json.loads(json.dumps(chance.choice(places)[0])) if way == 4 else holder[key]
        )
    elif way == 4:
        holder[chance.choice(KEYS)] = holder.pop(key)
    elif type(holder[key]) is int:
        holder[key] += chance.choice([-1, 1, 8, 1 << 31, 1 << 62])
    else:
        holder[key] = [holder[key]]


def _plan(data, chance, files):
    header, tensors = split(data)
    plan = json.loads(header["__metadata__"][KEY])
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        _change(plan, chance)
    header["__metadata__"][KEY] = json.dumps(plan)
    return joined(header, tensors)


def _header(data, chance, files):
    header, tensors = split(data)
    for _ in range(chance.choice([1, 1, 2])):
        _change(header, chance)
    return joined(header, tensors)


def _nested(data, chance, files):
    """A residual block around the first op, many times."""
    header, tensors = split(data)
    plan = json.loads(header["__metadata__"][KEY])
    more = {"after": {"activation": "identity", "constants": []}}
    if plan["version"] >= SHORTCUT_SINCE:
        more["shortcut"] = []
    ops = plan["ops"] if "ops" in plan else plan["members"][0]["ops"]
    for _ in range(chance.choice([1, 2, 31, 32, 33, 150])):
        ops[0] = {"op": "Residual", "inner": [ops[0]], **more}
    header["__metadata__"][KEY] = json.dumps(plan)
    return joined(header, tensors)


BYTES = [_flip, _flip_in_header, _cut, _grow, _splice, _length]
CHANGES = [
    *BYTES,
    _other_tensors,
    _random_bytes,
    *[_plan] * 8,
    *[_header] * 3,
    _nested,
]
