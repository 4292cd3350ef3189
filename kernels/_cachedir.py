"""The directory of the compiled kernels: its place, its name, and the removal of old ones.

The sub-directory `kernels-<digest>` is named by a digest of all that determines the machine code:
the kernel sources, the versions, the CPU and the options. Numba's own cache looks at one source
file and the CPU only, so it would serve stale code after an edit of a callee, a change of an
option or an upgrade of LLVM.
"""

import contextlib
import hashlib
import os
import re
import shutil
import sys
import time
from functools import cache
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm
import numba
import numpy
from numba.core import config
from numba.core.registry import cpu_target

from ._options import FORCED_SHAPE, OPTIONS

KERNELS = Path(__file__).resolve().parent

_IMPORTED = time.time()

_DIGEST_NAME = re.compile(r"kernels-[0-9a-f]{20}")

# At least this many digests are kept, and all that were used in the last hour: enough for a few
# environments and forced shapes at once, while digests of an edited tree do not pile up.
_KEPT = 8
_RECENT_SECONDS = 3600.0

# Others may read (an image is built by root and run by a user), nobody else may write.
_MODE = 0o755

_CODE_SETTINGS = (
    "BOUNDSCHECK",
    "DEBUGINFO_DEFAULT",
    "DEBUG_ARRAY_OPT_RUNTIME",
    "DEBUG_JIT",
    "DEBUG_NRT",
    "ENABLE_AVX",
    "EXTEND_VARIABLE_LIFETIMES",
    "FULL_TRACEBACKS",
    "LLVM_REFPRUNE_FLAGS",
    "LLVM_REFPRUNE_PASS",
    "LOOP_VECTORIZE",
    "OPT",
    "PARFOR_MAX_TUPLE_SIZE",
    "SLP_VECTORIZE",
    "USING_SVML",
)
"""The values of `numba.config` that change the code; a version that lacks one counts as None."""

_touched: set[str] = set()


def source_digest(directory=KERNELS):
    """
    Digest of every Python file under a directory, but for those that a GPU alone runs.

    Parameters
    ----------
    directory : path-like

    Returns
    -------
    str or None
        None when there are no sources, or when one changed after this process began: the
        code in memory may then differ from the file. (A time stamp in the future means a wrong
        clock, not an edit.)
    """
    digest = hashlib.sha256()
    every = sorted(Path(directory).rglob("*.py"))
    paths = [path for path in every if path.relative_to(directory).parts[0] != "cuda"]
    for path in paths:
        if _IMPORTED < path.stat().st_mtime <= time.time():
            return None
        content = path.read_bytes()
        digest.update(f"{path.relative_to(directory).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest() if paths else None


def _versions():
    return (
        numba.__version__,
        llvmlite.__version__,
        llvm.llvm_version_info,
        numpy.__version__,
        sys.version,  # contains "free-threading" in such builds
        getattr(sys, "abiflags", ""),
    )


def _options():
    settings = [(name, repr(getattr(config, name, None))) for name in _CODE_SETTINGS]
    return FORCED_SHAPE, sorted(OPTIONS.items()), settings


@cache
def code_digest(directory=KERNELS):
    """Digest of all that determines the machine code, or None if `source_digest` is None."""
    sources = source_digest(directory)
    if sources is None:
        return None
    target = cpu_target.target_context.codegen().magic_tuple()
    state = repr((sources, _versions(), target, _options()))
    return hashlib.sha256(state.encode()).hexdigest()[:20]


def _user_cache():
    if sys.platform == "win32":
        return os.environ.get("LOCALAPPDATA") or os.path.join("~", "AppData", "Local")
    if sys.platform == "darwin":
        return os.path.join("~", "Library", "Caches")
    path = os.environ.get("XDG_CACHE_HOME", "")
    return path if os.path.isabs(path) else os.path.join("~", ".cache")


def root_directory() -> str:
    """The parent directory of all digests; it may not exist yet."""
    own = os.environ.get("FUSEDNN_CACHE_DIR")
    path = own or os.path.join(config.CACHE_DIR or _user_cache(), "fusednn")
    path = os.path.expanduser(path)
    if path.startswith("~"):
        raise OSError("the user has no home directory")
    return os.path.abspath(path)


def _check(root):
    """
    Raise an OSError unless only the user and the system's root can write in a directory.

    A directory of root's, as in a container image, is as safe as the interpreter itself.
    """
    state = os.stat(root)
    if not os.path.isdir(root):
        raise NotADirectoryError(f"{root} is not a directory")
    check_owner(state, root)


def check_owner(state, path):
    """Raise a PermissionError unless only the user and the system's root can write there."""
    if not hasattr(os, "geteuid"):
        return
    if state.st_uid not in (os.geteuid(), 0):
        raise PermissionError(f"{path} belongs to another user")
    if state.st_mode & 0o022:
        raise PermissionError(f"{path} can be written to by other users")


def kernel_directory(create: bool = False) -> str | None:
    """
    The directory of this process's kernels; no other user but root can write to it.

    Parameters
    ----------
    create : bool
        Create it if it is missing, and remove old ones.

    Returns
    -------
    str or None
        None when kernels cannot be stored, or when it is missing and `create` is false.
    """
    digest = code_digest()
    if digest is None:
        return None
    root = root_directory()
    path = os.path.join(root, f"kernels-{digest}")
    try:
        if create:
            os.makedirs(root, mode=_MODE, exist_ok=True)
        _check(root)
        if create:
            _make(root, path)
        _check(path)
    except FileNotFoundError:
        if create:
            raise
        return None
    _touch(path)
    return path


def _make(root, path):
    try:
        os.mkdir(path, mode=_MODE)
    except FileExistsError:
        return
    with contextlib.suppress(OSError):
        _prune(root, path)


def _touch(path):
    """Mark the directory as used, once per process; `_prune` goes by the time stamp."""
    if path not in _touched:
        with contextlib.suppress(OSError):
            os.utime(path)
            _touched.add(path)


def _digests(root):
    with os.scandir(root) as entries:
        return [
            entry
            for entry in entries
            if _DIGEST_NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False)
        ]


def _prune(root, current):
    others = [(os.stat(e).st_mtime, e.path) for e in _digests(root) if e.path != current]
    for used, path in sorted(others, reverse=True)[_KEPT - 1 :]:
        if time.time() - used > _RECENT_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def cache_directory() -> str | None:
    """
    The directory in which this process looks for compiled kernels.

    Returns
    -------
    str or None
        None when kernels cannot be stored. It may not exist yet, and is not created.
    """
    try:
        root = root_directory()
        with contextlib.suppress(FileNotFoundError):
            _check(root)
        digest = code_digest()
    except OSError:
        return None
    return None if digest is None else os.path.join(root, f"kernels-{digest}")


def clear() -> int:
    """
    Remove the compiled kernels of all versions and options.

    Returns
    -------
    int
        The number of directories removed, one per digest.

    Raises
    ------
    OSError
        If one cannot be removed; others may have been removed.
    """
    root = root_directory()
    try:
        _check(root)
    except FileNotFoundError:
        return 0
    found = _digests(root)
    for entry in found:
        shutil.rmtree(entry.path)
    return len(found)
