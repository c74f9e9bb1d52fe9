"""A check that gives no answer holds up nobody, and proves nothing; nor does a mistake."""

import threading
from collections.abc import Callable, Iterable, Iterator

import pytest
from psycopg import errors
from redis.exceptions import TimeoutError as RedisTimeoutError
from sqlalchemy.exc import DBAPIError

from worker.channels.deadline import Deadline
from worker.doctor.check import Check, Severity, Verdict, broken, ok
from worker.doctor.examine import Result, examine, mend
from worker.doctor.scene import LOOK_SECONDS, Scene
from worker.settings import Settings

MakeSettings = Callable[..., Settings]
AGAIN = "again, in a minute: ./paddlewheel doctor --only rows"


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
@pytest.mark.parametrize("mistake", [Severity.LOOK, Severity.BROKEN])
def test_that_our_own_patience_ended_is_no_proof_of_a_fault(
    mistake: Severity, make_settings: MakeSettings
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
    silent = Check("it hangs", "It hangs.", hang, mistake=mistake)
    told = examine([quick, silent], Scene(make_settings()))
    over.set()

    assert [one.severity for one in told] == ["ok", "look"]
    (verdict,) = told[1].verdicts
    assert verdict.words == f"There was no answer within {LOOK_SECONDS:g} s."
    line = './paddlewheel doctor --only "it hangs"'
    assert verdict.command == f"again, on a quieter machine: {line}"


@pytest.mark.parametrize("error", [TimeoutError(), RedisTimeoutError()])
def test_a_time_out_within_a_check_is_no_proof_of_a_fault_either(
    error: Exception, make_settings: MakeSettings
) -> None:
    def ask(_: Scene) -> Iterable[Verdict]:
        raise error

    (told,) = examine([Check("queues", "", ask)], Scene(make_settings()))

    assert told.severity == "look"
    assert told.verdicts[0].words == "There was no answer in time."


def test_each_command_ends_with_how_to_look_again(make_settings: MakeSettings) -> None:
    said = [broken("1", "mend it"), broken("2", "./paddlewheel release"), ok("3")]

    (told,) = examine([Check("odd", "", lambda _: said)], Scene(make_settings()))

    assert [one.command for one in told.verdicts] == [
        "mend it, then ./paddlewheel doctor --only odd",
        "./paddlewheel release",
        "",
    ]


def test_all_that_was_mended_is_looked_at_again_at_once(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.doctor.examine.LOOK_SECONDS", 60.0)
    fixed, together = set[str](), threading.Barrier(2, timeout=30)

    def check_of(name: str) -> Check:
        def see(_: Scene) -> Iterable[Verdict]:
            if name not in fixed:
                return [broken("no", "mend it")]
            # One after the other would never meet.
            together.wait()
            return [ok("yes")]

        def fix(_: Scene) -> str:
            fixed.add(name)
            return f"mended {name}"

        return Check(name, "", see, fix=fix)

    checks, scene = [check_of("one"), check_of("two")], Scene(make_settings())

    told = mend(checks, examine(checks, scene), scene)

    assert [(one.severity, one.done) for one in told] == [
        ("ok", "mended one"),
        ("ok", "mended two"),
    ]


def test_a_fix_that_fails_is_told(make_settings: MakeSettings) -> None:
    def fail(_: Scene) -> str:
        raise ZeroDivisionError

    ill = Check("ill", "", lambda _: [broken("no", "mend it")], fix=fail)
    scene = Scene(make_settings())

    (told,) = mend([ill], examine([ill], scene), scene)

    assert told.severity == "broken"
    assert told.done.startswith("could not: ZeroDivisionError")


@pytest.mark.parametrize(
    ("error", "severity", "command"),
    [
        (errors.UndefinedTable(), "broken", "./paddlewheel release"),
        (errors.UndefinedColumn(), "broken", "./paddlewheel release"),
        (errors.QueryCanceled(), "look", AGAIN),
        (errors.TooManyConnections(), "look", AGAIN),
        (errors.LockNotAvailable(), "look", AGAIN),
        (errors.AdminShutdown(), "look", AGAIN),
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


@pytest.mark.parametrize("mistake", [Severity.LOOK, Severity.BROKEN])
def test_a_check_with_a_mistake_is_as_bad_as_it_says(
    mistake: Severity, make_settings: MakeSettings
) -> None:
    def fail(_: Scene) -> Iterable[Verdict]:
        raise ZeroDivisionError

    check = Check("odd", "", fail, mistake=mistake)
    (told,) = examine([check], Scene(make_settings()))

    assert told.severity == mistake
    assert told.verdicts[0].words.startswith("This could not be looked at: Zero")


def test_programs_get_what_the_docs_tell_of() -> None:
    told = Result("odd", (ok("yes"),), is_blind=True).as_json()

    assert told == {
        "check": "odd",
        "severity": "ok",
        "verdicts": [{"severity": "ok", "words": "yes", "command": ""}],
        "done": "",
    }


def test_what_several_need_is_asked_once_even_if_it_fails(
    make_settings: MakeSettings,
) -> None:
    asked = []

    def fail() -> None:
        asked.append(1)
        raise ZeroDivisionError

    def ask(scene: Scene) -> Iterable[Verdict]:
        scene.once("thing", fail)
        return []

    told = examine([Check("a", "", ask), Check("b", "", ask)], Scene(make_settings()))

    assert [one.severity for one in told] == ["broken", "broken"]
    assert asked == [1]
