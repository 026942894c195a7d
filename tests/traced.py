"""A child process stopped at every system call of its own, to be killed there or to have the call fail.

`ptrace` of a forked child, asked of the C library: no tool need be installed, and what Python has imported need
not be imported again. Linux alone; making a call fail needs to know the processor's registers (x86-64).
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
from collections.abc import Callable
from typing import NamedTuple

TRACEME, PEEKUSER, POKEUSER, SYSCALL, SETOPTIONS = 0, 3, 6, 24, 0x4200
SYSGOOD, EXITKILL = 1, 1 << 20
RAX, ORIG_RAX = 10 * 8, 15 * 8  # where <sys/user.h> keeps a call's result and its number
WRITES = {18: "pwrite64", 1: "write", 20: "writev"}
SYNCS = {74: "fsync", 75: "fdatasync"}
OTHERS = {77: "ftruncate", 257: "openat", 87: "unlink", 17: "pread64", 9: "mmap", 72: "fcntl"}
CAN_FAIL = platform.machine() == "x86_64"

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class End(NamedTuple):
    """How the child ended: the stops it made, the calls it began (by number), what it said, and its exit status."""

    stops: int
    calls: list[int]
    said: list[str]
    status: int


def traced(
    act: Callable[[Callable[[str], None]], None], kill_at: int | None = None, fail: Callable[[int, int], int] | None = None
) -> End:
    """Runs `act` in a forked child. `act` is given a function to say a line with, which is out when it returns.

    `kill_at` is the stop at which the child is killed: each system call makes two, before it and after it. `fail`
    is asked of each call, by its number and how many of that number there were before: 0 lets it be, else the
    call is left out and returns that error.
    """
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        _run(act, writable)
    os.close(writable)
    try:
        stops, calls, status = _follow(child, kill_at, fail)
    finally:
        with os.fdopen(readable) as pipe:
            said = pipe.read().split("\n")[:-1]
    return End(stops, calls, said, status)


def _run(act: Callable[[Callable[[str], None]], None], writable: int) -> None:
    status = 1
    try:
        libc.ptrace(TRACEME, 0, None, None)
        os.kill(os.getpid(), signal.SIGSTOP)
        act(lambda line: os.write(writable, f"{line}\n".encode()) and None)
        status = 0
    except BaseException as error:
        os.write(writable, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(status)


def _follow(child: int, kill_at: int | None, fail: Callable[[int, int], int] | None) -> tuple[int, list[int], int]:
    _, status = os.waitpid(child, 0)
    assert os.WIFSTOPPED(status), "ptrace is not allowed here"
    _ask(SETOPTIONS, child, 0, SYSGOOD | EXITKILL)
    stops, calls, failing, passed = 0, [], 0, 0
    while True:
        _ask(SYSCALL, child, 0, passed)
        _, status = os.waitpid(child, 0)
        if not os.WIFSTOPPED(status):
            return stops, calls, status
        sent = os.WSTOPSIG(status)
        passed = 0 if sent & 0x80 else sent
        if not sent & 0x80:
            continue
        stops += 1
        if stops == kill_at:
            os.kill(child, signal.SIGKILL)
        elif CAN_FAIL:
            failing = _entered(child, calls, fail) if stops % 2 else _left(child, failing)


def _entered(child: int, calls: list[int], fail: Callable[[int, int], int] | None) -> int:
    number = libc.ptrace(PEEKUSER, child, ORIG_RAX, None)
    calls.append(number)
    error = fail(number, calls.count(number) - 1) if fail is not None else 0
    if error:
        _ask(POKEUSER, child, ORIG_RAX, ctypes.c_ulong(-1 & (1 << 64) - 1).value)  # no call has that number
    return error


def _left(child: int, failing: int) -> int:
    if failing:
        _ask(POKEUSER, child, RAX, ctypes.c_ulong(-failing & (1 << 64) - 1).value)
    return 0


def _ask(request: int, child: int, where: int, value: int) -> None:
    if libc.ptrace(request, child, where, value) == -1:
        sys.stderr.write(f"ptrace {request}: {os.strerror(ctypes.get_errno())}\n")
