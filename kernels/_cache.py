"""The disk cache of compiled kernels: one checked file per function and signature.

An error while loading or saving never fails a call: it counts as a miss, the kernel is compiled
in memory, and the first error of a process gives one warning. The files hold pickles, so they are
read only from a directory that nobody else can write to, and only after their checksum has been
verified: a flipped bit in machine code would crash the process.

Numba calls a cache under its global compiler lock, so nothing here needs a lock of its own.
"""

import contextlib
import hashlib
import os
import pickle
import re
import tempfile
import warnings
from collections.abc import Iterator
from functools import cache, cached_property

from numba.core.caching import CompileResultCacheImpl, _Cache
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

from ._cachedir import cache_directory, check_owner, clear, kernel_directory

__all__ = [
    "CacheWarning",
    "DiskCache",
    "MissingKernelError",
    "cache_directory",
    "clear",
    "loading_only",
    "statistics",
]

_MAGIC = b"fusednn kernel 1"
_HEADER_BYTES = len(_MAGIC) + hashlib.sha256().digest_size

_counts = {"hits": 0, "misses": 0, "saved": 0, "failures": 0}
_loading_only = False


class CacheWarning(UserWarning):
    """Compiled kernels cannot be kept on disk or read from it."""


class MissingKernelError(Exception):
    """A kernel is not in the disk cache, and `loading_only` forbids compiling it."""


@contextlib.contextmanager
def loading_only() -> Iterator[None]:
    """Inside the `with`, a kernel that would have to be compiled raises a MissingKernelError."""
    global _loading_only
    _loading_only = True
    try:
        yield
    finally:
        _loading_only = False


def statistics() -> dict[str, int]:
    """
    Counts of loads and saves of the cache in this process.

    Returns
    -------
    dict
        `hits` and `misses` of loads, files `saved`, and `failures` of loads and saves.
    """
    return dict(_counts)


def failed(action, name, error):
    _counts["failures"] += 1
    reason = f"{type(error).__name__}: {error}"
    if _loading_only:
        raise MissingKernelError(f"could not {action} {name} ({reason})") from error
    if _counts["failures"] > 1:
        return
    warnings.warn(
        f"the disk cache of compiled kernels could not {action} {name} ({reason}); kernels that "
        "are not in the cache are compiled again in every process. Set the environment variable "
        "FUSEDNN_CACHE_DIR to a directory that only you can write to.",
        CacheWarning,
        stacklevel=3,
    )


class _Codec(CompileResultCacheImpl):
    """Numba's way to take a compile result apart and build it again, with no files."""

    def __init__(self):
        pass  # the base class looks for a directory here

    def check_cachable(self, cres):
        lifted = all(loop.can_cache for loop in cres.lifted)
        return lifted and not cres.library.has_dynamic_globals


_CODEC = _Codec()


def seal(name, payload):
    """Header and payload of a file; its name is part of the checksum."""
    checksum = hashlib.sha256(name.encode() + b"\0" + payload).digest()
    return _MAGIC + checksum + payload


def unseal(name, data):
    payload = data[_HEADER_BYTES:]
    if data != seal(name, payload):
        raise ValueError("the file is damaged and will be replaced")
    return payload


def write(path, data):
    """Write a file atomically: no reader sees a part of it."""
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)  # the directory's mode decides who may read it
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        # Windows cannot replace a file that is being read: another process has just written it.
        if not (os.name == "nt" and isinstance(error, PermissionError) and os.path.exists(path)):
            raise


@cache
def _file_digest(path):
    """Digest of a function's source file; None, and no caching, if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return None


class DiskCache(_Cache):
    """
    The disk cache of one function, for `dispatcher._cache` or `cfunc._cache`.

    The constructor runs at import and does not touch the disk. Closures are never cached: the
    values that they capture are not part of the key.

    Parameters
    ----------
    py_function : function
        The Python function, defined in a file.
    variant : str
        Distinguishes several compilations of one function, such as a dispatcher and a C
        callback, or with and without `parallel`.
    """

    def __init__(self, py_function, variant=""):
        self._function = py_function
        self._variant = variant
        self._enabled = True

    @property
    def cache_path(self):
        """The directory of the files, or None."""
        return cache_directory()

    def enable(self):
        """Load and save from now on; a new cache is enabled."""
        self._enabled = True

    def disable(self):
        """Neither load nor save from now on."""
        self._enabled = False

    def load_overload(self, sig, target_context):
        """The compile result of a signature, or None if the disk has no valid one."""
        if not self._enabled:
            return None
        result = None
        try:
            result = self._load(sig, target_context)
        except Exception as error:
            failed("load", self._label, error)
        _counts["misses" if result is None else "hits"] += 1
        if result is None and _loading_only:
            raise MissingKernelError(f"there is no {self._label}")
        return result

    def save_overload(self, sig, cres):
        """Save the compile result of a signature, if it can be cached."""
        if not self._enabled:
            return
        try:
            self._save(sig, cres)
        except Exception as error:
            failed("save", self._label, error)

    def flush(self):
        """Remove this function's files of all signatures."""
        with contextlib.suppress(OSError):
            directory = kernel_directory()
            for name in os.listdir(directory) if directory else ():
                if name.rpartition("-")[0] == self._label:
                    os.unlink(os.path.join(directory, name))

    def _load(self, sig, target_context):
        directory = kernel_directory() if self._identity else None
        if directory is None:
            return None
        name = self._file_name(sig)
        try:
            with open(os.path.join(directory, name), "rb") as file:
                check_owner(os.fstat(file.fileno()), file.name)
                data = file.read()
        except FileNotFoundError:
            return None
        payload = unseal(name, data)
        rtsys.initialize(target_context)  # the code refers to the runtime's symbols
        return _CODEC.rebuild(target_context, pickle.loads(payload))

    def _save(self, sig, cres):
        if not self._identity or not _CODEC.check_cachable(cres):
            return
        directory = kernel_directory(create=True)
        if directory is None:
            return
        name = self._file_name(sig)
        write(os.path.join(directory, name), seal(name, dumps(_CODEC.reduce(cres))))
        _counts["saved"] += 1

    @cached_property
    def _label(self):
        """The readable part of the file names."""
        name = f"{self._function.__module__}.{self._function.__qualname__}"
        return re.sub(r"[^\w.]", "_", name, flags=re.ASCII)[-80:]

    @cached_property
    def _identity(self):
        """The key of this function among all others, or None if it cannot be cached."""
        function, code = self._function, self._function.__code__
        source = _file_digest(code.co_filename)
        if source is None or function.__closure__ is not None:
            return None
        names = function.__module__, function.__qualname__, self._variant
        return *names, code.co_firstlineno, code.co_code, source

    def _file_name(self, sig):
        key = repr((self._identity, sig))
        return f"{self._label}-{hashlib.sha256(key.encode()).hexdigest()[:24]}.kernel"
