"""Writes ``tests/data/paddle/events``: ``.venv/bin/python tests/write_events.py``."""

import sys
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent
# A package of the environment bears the same name, and would be found before ours.
ours = ModuleType("tests")
ours.__path__ = [str(HERE)]
sys.modules["tests"] = ours
sys.path.insert(0, str(HERE.parent))

from tests.event_bodies import write  # noqa: E402

if __name__ == "__main__":
    write()
