"""Start a program that ends when we end, in a session of its own.

A session of its own keeps the terminal's Ctrl-C away from it: who ends, and in which
order, is for the one who started it to say. The kernel counts the death of the
*thread* that started a program as the parent's: start programs from a thread that
lives as long as they shall.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from worker.settings import environ

TIED = Path(__file__).with_name("tied.py")


@dataclass(frozen=True)
class Account:
    """A system user; ``None`` in its place means: whoever we are."""

    name: str
    user_id: int
    group_id: int


@dataclass(frozen=True)
class Program:
    """What to start, where, and how."""

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str] | None = None
    #: Sent by the kernel when we die without having stopped it.
    death_signal: signal.Signals = signal.SIGKILL
    account: Account | None = None
    #: Open files it shall inherit, such as a lock.
    inherits: tuple[int, ...] = ()


def spawn(program: Program, output: IO[bytes] | int) -> subprocess.Popen[bytes]:
    """Start a program; both of its outputs go to ``output``."""
    return subprocess.Popen(  # noqa: S603 (our own programs)
        tied(program),
        cwd=program.folder,
        env=environ() if program.environment is None else program.environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=program.inherits,
    )


def tied(program: Program) -> list[str]:
    """Return the command that runs a program tied to this process."""
    account = program.account
    who = f"{account.user_id}:{account.group_id}" if account else "-"
    how = (str(os.getpid()), str(int(program.death_signal)), who)
    return [sys.executable, "-I", "-S", str(TIED), *how, *program.command]


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to a program and to all that it started in its session."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        # Nobody left; macOS says "not permitted" when only zombies are.
        return
