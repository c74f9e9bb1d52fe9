"""Runs the checks beside each other, each bounded: what hangs holds up nobody."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from redis.exceptions import TimeoutError as BrokerTimeoutError

from worker.channels.deadline import Deadline
from worker.database import is_machinery
from worker.doctor.check import (
    Check,
    Severity,
    Verdict,
    again,
    broken,
    line_of,
    look,
    skipped,
    worst_of,
)
from worker.doctor.scene import LOOK_SECONDS, Scene
from worker.errors import PaddlewheelError
from worker.failures import failure_of
from worker.providers.errors import ApiBusyError, ApiDownError, ApiRefusedError
from worker.providers.paddle.permissions import KEYS
from worker.status import Level

#: No proof of a fault: the machine may be busy, or we are.
OUT_OF_TIME = (TimeoutError, BrokerTimeoutError)
#: SQLSTATEs of what a migration would have made: a table, a column.
UNMIGRATED = ("42P01", "42703")
LEVELS = {Severity.LOOK: Level.LOOK, Severity.BROKEN: Level.NOW}


@dataclass(frozen=True, slots=True)
class Result:
    """What one check says."""

    check: str
    verdicts: tuple[Verdict, ...]
    #: What was mended; empty: nothing.
    done: str = ""
    #: Nothing was found out, because something else is broken.
    is_blind: bool = False

    @property
    def severity(self) -> Severity:
        """The worst that it says."""
        return worst_of(self.verdicts)

    def as_json(self) -> dict[str, Any]:
        """Return what ``docs/doctor.md`` tells of, as JSON can hold it."""
        return {
            "check": self.check,
            "severity": self.severity,
            "verdicts": [asdict(one) for one in self.verdicts],
            "done": self.done,
        }


def chosen(checks: Sequence[Check], names: Sequence[str]) -> list[Check]:
    """Return the checks of these names with all that they need; no name: all.

    Raises:
        PaddlewheelError: There is no such check.
    """
    by_name = {check.name: check for check in checks}
    if unknown := [name for name in names if name not in by_name]:
        raise PaddlewheelError(
            f"There is no check {', '.join(unknown)}. There are: {', '.join(by_name)}."
        )
    wanted = set(names)
    # Backwards: what is needed stands before what needs it.
    for check in reversed(checks):
        wanted.update(check.needs if check.name in wanted else ())
    return [check for check in checks if check.name in wanted or not names]


def examine(checks: Sequence[Check], scene: Scene) -> list[Result]:
    """Run checks, and leave out what has nothing to say without another.

    Returns:
        One result a check, in their order, after ``LOOK_SECONDS`` at the latest.
    """
    answers: dict[str, tuple[Verdict, ...]] = {}
    threads = [
        threading.Thread(
            target=_answer, args=(check, scene, answers), name=check.name, daemon=True
        )
        for check in checks
    ]
    for thread in threads:
        thread.start()
    _wait(threads, Deadline(LOOK_SECONDS))
    # A copy: what hangs may still answer.
    known = dict(answers)
    bound = f"within {LOOK_SECONDS:g} s"
    results = [
        Result(one.name, known.get(one.name) or (_silent(one, bound),))
        for one in checks
    ]
    return _without_followers(checks, {one.check: one for one in results})


def mend(
    checks: Sequence[Check], results: Sequence[Result], scene: Scene
) -> list[Result]:
    """Mend what may be mended unasked, and look again there, once for all of it."""
    ill = {one.check for one in results if one.severity in LEVELS}
    mending = [check for check in checks if check.fix and check.name in ill]
    done = {check.name: _fixed(check, scene) for check in mending}
    # What they need was well, or they would have been skipped.
    alone = [replace(check, needs=()) for check in mending]
    after = {one.check: one for one in examine(alone, scene)} if alone else {}
    return [
        replace(after.get(one.check, one), done=done.get(one.check, ""))
        for one in results
    ]


def level_of(results: Iterable[Result]) -> Level:
    """Return how urgent it is; also the exit code."""
    return max(LEVELS.get(one.severity, Level.QUIET) for one in results)


def _wait(threads: Iterable[threading.Thread], deadline: Deadline) -> None:
    for thread in threads:
        if deadline.is_over:
            return
        thread.join(deadline.left())


def _silent(check: Check, bound: str) -> Verdict:
    return look(
        f"There was no answer {bound}.", again(check.name, "on a quieter machine")
    )


def _answer(
    check: Check, scene: Scene, answers: dict[str, tuple[Verdict, ...]]
) -> None:
    try:
        verdicts = tuple(check.look(scene))
        told = verdicts or (skipped("there is nothing to look at"),)
    except Exception as error:  # noqa: BLE001 (an error is an answer)
        told = (_verdict_of(error, check),)
    answers[check.name] = tuple(_to_be_typed(one, check) for one in told)


def _to_be_typed(verdict: Verdict, check: Check) -> Verdict:
    """Let each command end with a line of ours: what was changed is looked at again."""
    if not verdict.command or "./paddlewheel" in verdict.command:
        return verdict
    return replace(verdict, command=f"{verdict.command}, then {line_of(check.name)}")


def _verdict_of(error: Exception, check: Check) -> Verdict:
    if isinstance(error, ApiRefusedError):
        return broken(f"{error}.", f"set PADDLE_API_KEY ({KEYS})")
    if isinstance(error, ApiBusyError | ApiDownError):
        verb = "gave " if str(error).startswith("no answer") else ""
        return look(f"Paddle's API {verb}{error}.", again(check.name))
    if isinstance(error, PaddlewheelError):
        return broken(str(error), again(check.name, "when that is changed"))
    return _of_others(error, check)


def _of_others(error: Exception, check: Check) -> Verdict:
    if isinstance(error, OUT_OF_TIME):
        return _silent(check, "in time")
    said = failure_of(error).sentence
    if getattr(getattr(error, "orig", None), "sqlstate", None) in UNMIGRATED:
        words = f"The database lacks a table or a column of this release: {said}."
        return broken(words, "./paddlewheel release")
    if is_machinery(error):
        words = f"The database did not come to answer this: {said}."
        return look(words, again(check.name))
    words = f"This could not be looked at: {said}."
    return Verdict(check.mistake, words, again(check.name))


def _without_followers(
    checks: Sequence[Check], results: Mapping[str, Result]
) -> list[Result]:
    """Skip what only repeats that something else is broken."""
    told: dict[str, Result] = {}
    for check in checks:
        told[check.name] = results[check.name]
        # The first is the cause of the others.
        cause = next((name for name in check.needs if _hides(told[name])), None)
        if cause is not None:
            words = skipped(f"not looked at: see {cause}")
            told[check.name] = Result(check.name, (words,), is_blind=True)
    return list(told.values())


def _hides(result: Result) -> bool:
    return result.is_blind or result.severity is Severity.BROKEN


def _fixed(check: Check, scene: Scene) -> str:
    """Mend what a check has found; return what was done, or why not."""
    if check.fix is None:
        return ""
    try:
        return check.fix(scene)
    except Exception as error:  # noqa: BLE001 (an error is an answer)
        return f"could not: {failure_of(error).sentence}"
