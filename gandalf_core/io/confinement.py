"""What a process that reads strangers' files may still do: limits of the system, and a last look by Python.

Each limit is set where the system has it, and `confine` says which hold: SECURITY.md explains them. All but
the last are kept by the kernel, whatever a library does. Linux has all of them, macOS those on time and
files, Windows the last one.
"""

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MEMORY, CPU, NETWORK, FILES = "memory", "processor time", "no network", "no other files"
WATCHED = "watched by Python"
OUT_OF_MEMORY = 12  # the status of a process that had none left
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET of linux/sched.h
_NO_NEW_PRIVILEGES = 38  # PR_SET_NO_NEW_PRIVS of linux/prctl.h
_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the system calls of Landlock, the same on every processor
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_ALL_OF_FILES = 2**13 - 1  # every right over files that the first edition of Landlock knows
_SYSTEM = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/nix/store")
_FORBIDDEN = ("socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.fork", "os.system", "os.startfile")
_FORBIDDEN += ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate")
_FORBIDDEN += ("os.chmod", "os.chown", "os.kill", "shutil.", "urllib.", "ftplib.", "http.", "pty.", "winreg.")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def leave_network() -> list[str]:
    """Move to a network of this process's own, in which there is nobody. Before any thread is started."""
    if not sys.platform.startswith("linux"):
        return []
    libc = ctypes.CDLL(None, use_errno=True)
    moved = libc.unshare(_NEW_USER | _NEW_NETWORK) == 0 or libc.unshare(_NEW_NETWORK) == 0
    return [NETWORK] if moved else []


def confine(memory: int) -> list[str]:
    """Set every limit that this system has; returns what holds. memory: bytes of addresses in all.

    To be called when all libraries are imported.
    """
    held = _limit_resources(memory)
    roots = _own_folders()
    held += _limit_files(roots)
    sys.addaudithook(_hook(tuple(roots)))
    return [*held, WATCHED]


def allow_cpu(seconds: float) -> None:
    """From now on, so many seconds of processor time until the system ends this process."""
    try:
        import resource
    except ImportError:  # Windows: whoever waits for the process has a time-out
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (limit if hard < 0 else min(limit, hard), hard))


def _limit_resources(memory: int) -> list[str]:
    try:
        import resource
    except ImportError:
        return []
    held = [CPU]
    wanted = {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": 0, "RLIMIT_NOFILE": 64, "RLIMIT_DATA": memory}
    for name, value in (wanted | {"RLIMIT_AS": memory}).items():
        number = getattr(resource, name, None)
        try:
            if number is not None:
                resource.setrlimit(number, (value, value))
                held += [MEMORY] if name == "RLIMIT_AS" and sys.platform != "darwin" else []
        except (OSError, ValueError):  # macOS refuses some of them
            continue
    return held


def _own_folders() -> list[Path]:
    """Where Python and its libraries are, which a reader may still import. Uploads lie elsewhere."""
    package = Path(__file__).resolve().parents[1]
    found = [sys.prefix, sys.base_prefix, sys.exec_prefix, *filter(None, sys.path), *_SYSTEM]
    roots = [path.resolve() for path in map(Path, found) if path.exists()]
    return list(dict.fromkeys([package, *(root for root in roots if root != package.parent)]))


# --- files ---


class _Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64)]


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def _limit_files(roots: Iterable[Path]) -> list[str]:
    """Only the files in `roots` can be read from now on, and none written: Landlock, since Linux 5.13."""
    if not sys.platform.startswith("linux"):
        return []
    libc = ctypes.CDLL(None, use_errno=True)
    rules = _Ruleset(_ALL_OF_FILES)
    ruleset = libc.syscall(_CREATE, ctypes.byref(rules), ctypes.c_size_t(ctypes.sizeof(rules)), 0)
    if ruleset < 0:
        return []
    try:
        for root in roots:
            _allow(libc, ruleset, root)
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return [FILES] if libc.syscall(_RESTRICT, ruleset, 0) == 0 else []
    finally:
        os.close(ruleset)


def _allow(libc: Any, ruleset: int, root: Path) -> None:
    """Let the files of a folder, or one file, be read."""
    try:
        handle = os.open(root, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    rights = _READ_FILE | _READ_FOLDER if root.is_dir() else _READ_FILE
    rule = _Beneath(rights, handle)
    libc.syscall(_ADD, ruleset, 1, ctypes.byref(rule), 0)
    os.close(handle)


def _hook(roots: tuple[Path, ...]) -> Any:
    """An audit hook that refuses what no reader needs, and files that are not those of Python's libraries."""

    def refuse(event: str, args: tuple[Any, ...]) -> None:
        if event.startswith(_FORBIDDEN):
            raise PermissionError(f"{event} is refused where strangers' files are read")
        if event == "open" and isinstance(args[0], str | bytes | os.PathLike):
            path = Path(os.path.realpath(os.fsdecode(args[0])))
            writing = bool((args[2] or 0) & _WRITING) if isinstance(args[2], int) else True
            if writing or not any(path.is_relative_to(root) for root in roots):
                raise PermissionError("a file says only what is in it: no other file is opened")

    return refuse
