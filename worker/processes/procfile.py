"""A Procfile: one process a line, ``name: command``.

A line is run by ``sh`` in the project's folder, so variables work, and ``exec`` is put
before it: the process id we know is the program's own.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from worker.processes.errors import ProcfileError

#: Runs to its end before the others start: migrations, catalog.
RELEASE = "release"
LINE = re.compile(r"^(?P<name>[A-Za-z0-9_-]+):\s*(?P<command>\S.*)$")


@dataclass(frozen=True)
class Line:
    """One line of a Procfile."""

    name: str
    command: str

    @property
    def arguments(self) -> list[str]:
        """What to execute."""
        # The release line is several commands, so there is nothing to become.
        before = "" if self.name == RELEASE else "exec "
        return ["/bin/sh", "-c", before + self.command]


def lines_of(file: Path) -> list[Line]:
    """Read a Procfile.

    Raises:
        ProcfileError: A line is not ``name: command``, or a name comes twice.
    """
    lines: dict[str, Line] = {}
    for number, text in enumerate(file.read_text().splitlines(), start=1):
        if not text.strip() or text.startswith("#"):
            continue
        match = LINE.match(text)
        if match is None or match["name"] in lines:
            message = f"{file.name} line {number} must be a new name and a command."
            raise ProcfileError(message)
        lines[match["name"]] = Line(match["name"], match["command"])
    return list(lines.values())
