"""Runs the web application of a sink until SIGTERM, and ends without a fuss."""

import os
import signal
from pathlib import Path

import uvicorn
from starlette.applications import Starlette


def serve(app: Starlette, host: str, port: int) -> None:
    """Answer until SIGTERM or SIGINT."""
    # uvicorn ends cleanly, then raises the signal once more for whoever was there
    # before: without this a clean end would look like a death.
    signal.signal(signal.SIGTERM, lambda *_: None)
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False)


def own_file(file: Path) -> Path:
    """Make sure that a file is there, for nobody else on this machine."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    file.chmod(0o600)
    return file


def append_line(file: Path, line: str) -> None:
    """Write down a line, on disk before it counts."""
    with file.open("a") as stream:
        stream.write(f"{line}\n")
        stream.flush()
        os.fsync(stream.fileno())
