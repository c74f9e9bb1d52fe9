"""Tie a program's life to the process that started it, then become that program.

Run by path, not by module, with ``-I -S``: it starts in a few milliseconds and needs
nothing but the standard library. A ``kill -9`` of ``paddlewheel up`` gives nobody a
chance to clean up; the kernel does it for us. Linux forgets the wish when the user
changes, so the user is changed first (prctl(2), PR_SET_PDEATHSIG). Elsewhere there is
no such call, and what is left behind is found by the next start (worker.servers).

    tied.py PARENT_PID SIGNAL USER_ID:GROUP_ID|- PROGRAM [ARGUMENT …]
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
#: As a shell says "found, but cannot be run".
EXIT_CANNOT_RUN = 126


def main(arguments: list[str]) -> int:
    """Tie this process to its parent and replace it by the program."""
    parent, signal_number, account, *command = arguments
    if account != "-":
        _become(account)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
    # It may have died before the call above: then no signal will ever come.
    if os.getppid() != int(parent):
        return EXIT_CANNOT_RUN
    try:
        os.execvp(command[0], command)  # noqa: S606 (no shell is the point)
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be run: {error.strerror}\n")
    return EXIT_CANNOT_RUN


def _become(account: str) -> None:
    user_id, group_id = map(int, account.split(":"))
    os.setgroups([])
    os.setgid(group_id)
    os.setuid(user_id)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
