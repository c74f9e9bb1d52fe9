"""A check that gives no answer holds up nobody, and says so in its own severity."""

import threading
from collections.abc import Callable, Iterable

import pytest

from worker.doctor.check import Check, Severity, Verdict, ok
from worker.doctor.examine import examine
from worker.doctor.scene import Scene
from worker.settings import Settings


@pytest.mark.parametrize("silence", [Severity.LOOK, Severity.BROKEN])
def test_a_silent_check_is_as_bad_as_it_says(
    silence: Severity,
    make_settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worker.doctor.examine.LOOK_SECONDS", 0.2)
    over = threading.Event()

    def hang(_: Scene) -> Iterable[Verdict]:
        over.wait()
        return [ok("after all")]

    silent = Check("silent", "It hangs.", hang, silence=silence)
    quick = Check("quick", "It does not.", lambda _: [ok("at once")])
    told = examine([silent, quick], Scene(make_settings()))
    over.set()

    assert [one.severity for one in told] == [silence, "ok"]
    assert told[0].verdicts[0].words == "There was no answer within 0.2 s."
