"""What a check is: one question about this deployment, answered in a line.

Looking changes nothing. What is wrong is told as a sentence and as what to type.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from worker.doctor.scene import Scene


class Severity(StrEnum):
    """How an answer is meant; worst last."""

    #: There was nothing to look at, or it could not be: the words say why.
    SKIPPED = "skipped"
    OK = "ok"
    #: Nothing stands still, and it wants a person.
    LOOK = "look"
    #: Money or access does not move, or will not.
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer."""

    severity: Severity
    #: One sentence, or several of the same; safe to show.
    words: str
    #: What to type, or the setting to change; empty where nothing is wrong.
    command: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the table: add it to a module's ``CHECKS``, then ``make docs``."""

    #: In lines, JSON and docs.
    name: str
    #: What it makes sure of, for ``docs/doctor.md``: a sentence.
    tells: str
    #: Looks. An error of ours that it raises is an answer; nothing yielded is none.
    look: Callable[[Scene], Iterable[Verdict]]
    #: Checks that must not be broken for this one to have anything to say.
    needs: tuple[str, ...] = ()
    #: How it is meant if looking fails by a mistake: LOOK for what cannot break
    #: anything. That our own patience ended is never worse than LOOK.
    mistake: Severity = Severity.BROKEN
    #: Mends what may be mended unasked, and says what it did; it must be harmless to
    #: do twice.
    fix: Callable[[Scene], str] | None = None
    #: What ``fix`` does, for the docs.
    fixes: str = ""


def ok(words: str) -> Verdict:
    """Say that all is well."""
    return Verdict(Severity.OK, words)


def skipped(words: str) -> Verdict:
    """Say why there was nothing to look at."""
    return Verdict(Severity.SKIPPED, words)


def look(words: str, command: str) -> Verdict:
    """Say what wants a person."""
    return Verdict(Severity.LOOK, words, command)


def broken(words: str, command: str) -> Verdict:
    """Say what does not work."""
    return Verdict(Severity.BROKEN, words, command)


def again(check: str, when: str = "in a minute") -> str:
    """Return what to type where it may pass by itself."""
    return f"again, {when}: {line_of(check)}"


def line_of(check: str) -> str:
    """Return what to type to have only this looked at."""
    name = f'"{check}"' if " " in check else check
    return f"./paddlewheel doctor --only {name}"


def worst_of(verdicts: Iterable[Verdict]) -> Severity:
    """Return the worst severity among answers."""
    order = list(Severity)
    return max((one.severity for one in verdicts), key=order.index)
