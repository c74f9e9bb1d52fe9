"""What processes have used, as Linux counts it: processor and memory."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
MIB_A_PAGE = os.sysconf("SC_PAGE_SIZE") / 2**20


def tree_of(pid: int) -> list[int]:
    """Return a process and all that it has started and that live."""
    tasks = Path(f"/proc/{pid}/task")
    children = [
        int(child)
        for task in tasks.glob("*/children")
        for child in task.read_text().split()
    ]
    return [pid, *(found for child in children for found in tree_of(child))]


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and its children, ended ones too."""
    return sum(_ticks(each) for each in tree_of(pid)) / TICKS


def memory_mib(pid: int) -> float:
    """Return the resident memory of the largest of a process and its children."""
    resident = [
        int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in tree_of(pid)
    ]
    return max(resident) * MIB_A_PAGE


def _ticks(pid: int) -> int:
    # Behind the name, which may hold anything: utime, stime and those of the children.
    text = Path(f"/proc/{pid}/stat").read_text()
    return sum(map(int, text.rpartition(")")[2].split()[11:15]))
