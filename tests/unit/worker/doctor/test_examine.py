"""A check that gives no answer holds up nobody; one that fails says how it is meant."""

import threading
from collections.abc import Callable, Iterable, Iterator

import pytest
from psycopg import errors
from sqlalchemy.exc import DBAPIError

from worker.channels.deadline import Deadline
from worker.doctor.check import Check, Severity, Verdict, ok
from worker.doctor.examine import Result, examine
from worker.doctor.scene import LOOK_SECONDS, Scene
from worker.settings import Settings

MakeSettings = Callable[..., Settings]


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it takes for the first check, a moment for those after it."""
    waits: Iterator[float] = iter([600.0])

    class Bound(Deadline):
        is_over = False

        def left(self) -> float:
            return next(waits, 0.01)

    monkeypatch.setattr("worker.doctor.examine.Deadline", Bound)


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("silence", [Severity.LOOK, Severity.BROKEN])
def test_a_silent_check_is_as_bad_as_it_says(
    silence: Severity, make_settings: MakeSettings
) -> None:
    hangs, over = threading.Event(), threading.Event()

    def hang(_: Scene) -> Iterable[Verdict]:
        hangs.set()
        over.wait()
        return [ok("after all")]

    def answer(_: Scene) -> Iterable[Verdict]:
        hangs.wait()
        return [ok("beside it")]

    quick = Check("quick", "It waits until the other hangs.", answer)
    silent = Check("silent", "It hangs.", hang, silence=silence)
    told = examine([quick, silent], Scene(make_settings()))
    over.set()

    assert [one.severity for one in told] == ["ok", silence]
    expected = f"There was no answer within {LOOK_SECONDS:g} s."
    assert told[1].verdicts[0].words == expected


@pytest.mark.parametrize(
    ("error", "severity", "command"),
    [
        (errors.UndefinedTable(), "broken", "./paddlewheel release"),
        (errors.UndefinedColumn(), "broken", "./paddlewheel release"),
        (errors.QueryCanceled(), "look", "once more in a minute"),
        (errors.TooManyConnections(), "look", "once more in a minute"),
        (errors.LockNotAvailable(), "look", "once more in a minute"),
        (errors.AdminShutdown(), "look", "once more in a minute"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_only_what_a_migration_makes_is_sent_to_release(
    make_settings: MakeSettings, error: Exception, severity: str, command: str
) -> None:
    def ask(_: Scene) -> Iterable[Verdict]:
        raise DBAPIError("SELECT 'c4n4ry'", {}, error)

    (told,) = examine([Check("rows", "", ask)], Scene(make_settings()))

    assert told.severity == severity
    assert told.verdicts[0].command.endswith(command)
    assert str(error.sqlstate) in told.verdicts[0].words  # type: ignore[attr-defined]
    assert "c4n4ry" not in told.verdicts[0].words


@pytest.mark.parametrize("silence", [Severity.LOOK, Severity.BROKEN])
def test_a_check_with_a_mistake_is_as_bad_as_one_that_is_silent(
    silence: Severity, make_settings: MakeSettings
) -> None:
    def fail(_: Scene) -> Iterable[Verdict]:
        raise ZeroDivisionError

    check = Check("odd", "", fail, silence=silence)
    (told,) = examine([check], Scene(make_settings()))

    assert told.severity == silence
    assert told.verdicts[0].words.startswith("This could not be looked at: Zero")


def test_programs_get_what_the_docs_tell_of() -> None:
    told = Result("odd", (ok("yes"),), is_blind=True).as_json()

    assert told == {
        "check": "odd",
        "severity": "ok",
        "verdicts": [{"severity": "ok", "words": "yes", "command": ""}],
        "done": "",
    }
