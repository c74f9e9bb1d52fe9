"""What operators decide is what the watch obeys."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Engine

from models.alerts import WORST_FIRST, Severity
from tests.factories import one, rows
from tests.integration.worker.alerts.conftest import Scripted
from worker.alerts import operator

Look = Callable[[], list[int]]
PassTime = Callable[[str], None]
HOUR = timedelta(hours=1)


def told(engine: Engine) -> list[str]:
    found = rows(engine, "SELECT kind FROM alert_messages ORDER BY id")
    return [kind for (kind,) in found]


def newest(engine: Engine) -> int:
    return int(one(engine, "SELECT max(id) FROM alerts"))


def ack(engine: Engine) -> operator.Acked:
    with engine.begin() as connection:
        return operator.ack(connection, newest(engine), note="")


def silence(engine: Engine, named: str, span: timedelta = HOUR) -> int:
    with engine.begin() as connection:
        made = operator.silence(connection, named, span, "works", ("scripted",))
    return int(made.id)


def test_what_is_acked_is_told_again_only_when_it_is_over(
    core: Engine, condition: Scripted, look: Look, pass_time: PassTime
) -> None:
    condition.finds("a")
    look()
    assert not ack(core).before
    for _ in range(3):
        pass_time("2 days")
        look()
    assert told(core) == ["opened"]

    condition.finds()
    look()
    pass_time("2 minutes")
    look()

    assert told(core) == ["opened", "resolved"]


def test_who_acked_a_warning_is_told_when_it_is_critical_and_can_ack_that(
    core: Engine, condition: Scripted, look: Look, pass_time: PassTime
) -> None:
    condition.finds("a")
    look()
    ack(core)
    condition.finds("a", severity=Severity.CRITICAL)
    look()

    assert told(core) == ["opened", "worse"]
    assert not ack(core).before
    pass_time("2 days")
    look()
    assert told(core) == ["opened", "worse"]


def test_an_alert_silenced_by_number_stays_silent_when_it_comes_back(
    core: Engine, condition: Scripted, look: Look, pass_time: PassTime
) -> None:
    condition.finds("a")
    look()
    silence(core, str(newest(core)), timedelta(days=1))
    condition.finds()
    look()
    pass_time("2 minutes")
    look()
    condition.finds("a", "b")
    look()

    assert one(core, "SELECT count(*) FROM alerts WHERE state = 'open'") == 2
    titles = rows(core, "SELECT title FROM alert_messages ORDER BY id")
    assert [title.rpartition(": ")[2] for (title,) in titles] == [
        "a is broken",
        "a is broken",
        "b is broken",
    ]
    kinds = rows(core, "SELECT kind FROM alert_messages ORDER BY id")
    assert kinds == [("opened",), ("resolved",), ("opened",)]


def test_a_silence_that_is_ended_lets_the_next_look_tell(
    core: Engine, condition: Scripted, look: Look
) -> None:
    made = silence(core, "all")
    condition.finds("a")
    assert look() == []

    with core.begin() as connection:
        assert operator.unsilence(connection, made) == "all"

    assert len(look()) == 1
    assert told(core) == ["opened"]


def test_rows_are_ordered_as_severities_rank(core: Engine) -> None:
    given = [severity.value for severity in Severity]
    query = f"SELECT * FROM unnest(CAST(:given AS text[])) AS severity ORDER BY {WORST_FIRST}"

    found = [Severity(name) for (name,) in rows(core, query, given=given)]

    assert found == sorted(Severity, key=lambda severity: -severity.rank)
