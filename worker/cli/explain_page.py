"""An explanation as a person reads it, at the width of a screen."""

import textwrap
from collections.abc import Iterator

from worker.cli.output import WIDTH, shown
from worker.explain.entry import Entry
from worker.explain.explanation import Explanation, Person

_MARKS = {True: "✓", False: "✗", None: "·"}
_MOMENT = len("2026-01-01 12:00:00")
_GAP = "  "


def lines_of(told: Explanation) -> Iterator[str]:
    """Return the lines of an explanation, none wider than a screen but for links."""
    for person in told.learners:
        yield from _wrapped("", _person(person))
    if told.learners:
        yield ""
    for verdict in told.verdicts:
        yield from _wrapped(f"{_MARKS[verdict.has_access]} ", shown(verdict.sentence))
        if verdict.next_step:
            yield f"    {verdict.next_step}"
    yield ""
    for entry in told.entries:
        yield from _entry(entry)
    if told.is_capped:
        yield from _wrapped("", "There is more; ask for one purchase or subscription.")


def _person(person: Person) -> str:
    known = (person.name, f"<{person.email}>" if person.email else None)
    parts = [f"Learner {person.ref}", *(shown(part) for part in known if part)]
    if person.merged_into:
        parts.append(f"(is {person.merged_into} as well)")
    return " ".join(parts)


def _entry(entry: Entry) -> Iterator[str]:
    begin = f"{shown(entry.at):{_MOMENT}}{_GAP}"
    yield from _wrapped(begin, f"{_word(entry.kind)}: {shown(entry.text)}")
    if entry.task_link:
        yield f"    {entry.task_link}"


def _word(kind: str) -> str:
    return kind.replace("_", " ")


def _wrapped(begin: str, words: str) -> list[str]:
    # An id that is broken cannot be copied.
    return textwrap.wrap(
        words,
        WIDTH,
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [begin]
