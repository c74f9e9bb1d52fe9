"""The late bar: nothing for what is quick, nothing where nobody looks."""

import io
import sys

import pytest

from worker.cli import progress
from worker.cli.progress import late_bar


class Screen(io.StringIO):
    """A terminal, for whoever asks."""

    def isatty(self) -> bool:
        return True


def shown(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, patience_seconds: float
) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", patience_seconds)
    with late_bar("replay", 10) as bar:
        for _ in range(5):
            bar.advance(2)
    return stream.getvalue()


def test_it_appears_when_patience_has_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    said = shown(monkeypatch, Screen(), 0)
    assert "replay" in said
    assert "10/10" in said


def test_what_is_quick_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, Screen(), 3600) == ""


def test_a_script_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, io.StringIO(), 0) == ""
