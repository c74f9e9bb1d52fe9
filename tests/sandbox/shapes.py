"""What an answer looks like, without what is anybody's own in it.

Enumerations, numbers and booleans keep their value, because both sides are asked the
very same. Ids, times, amounts and free text keep only their kind.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.sandbox.account import Answer

#: Pages that explain an error: the same for everybody.
EXPLAINED = "https://developer.paddle.com/errors/"
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
#: The first that fits is it.
KINDS = (
    ("uuid", re.compile(UUID)),
    ("instant", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")),
    ("integer in text", re.compile(r"-?\d+")),
    ("decimal in text", re.compile(r"-?\d+\.\d+")),
    ("url", re.compile(r"https?://\S+")),
)
ID = re.compile(r"([a-z]+)_[a-z0-9]{26}")
#: Codes, names of events, statuses, currencies, countries.
WORD = re.compile(r"[a-z][a-z0-9_.-]{0,59}|[A-Z]{2,3}")


def shape_of(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Return path and kind of all that is in something from JSON."""
    match value:
        case dict():
            yield path, "object"
            for name, inner in value.items():
                yield from shape_of(inner, f"{path}.{name}".lstrip("."))
        case list():
            yield path, f"list of {len(value)}"
            for number, inner in enumerate(value):
                yield from shape_of(inner, f"{path}[{number}]")
        case str():
            yield path, _kind_of(value)
        case None | bool() | int():
            yield path, json.dumps(value)
        case _:
            yield path, "number"


def _kind_of(text: str) -> str:
    if text.startswith(EXPLAINED):
        return text
    for kind, pattern in KINDS:
        if pattern.fullmatch(text):
            return kind
    if found := ID.fullmatch(text):
        return f"{found[1]}_…"
    return f'"{text}"' if WORD.fullmatch(text) else "text"


def differences(local: list[Answer], paddle: list[Answer]) -> list[str]:
    """Return a line for everything in which the answers differ, in the order asked."""
    ours = {answer.step: answer for answer in local}
    theirs = {answer.step: answer for answer in paddle}
    return [
        line
        for step in {**ours, **theirs}
        for line in _between(step, ours.get(step), theirs.get(step))
    ]


def _between(step: str, local: Answer | None, paddle: Answer | None) -> Iterator[str]:
    if local is None or paddle is None:
        asked = "Paddle" if local is None else "the local Paddle"
        yield f"{step}: only {asked} got that far, see the answers before"
        return
    ours, theirs = _facts(local), _facts(paddle)
    for path in {**ours, **theirs}:
        here, there = ours.get(path, "nothing"), theirs.get(path, "nothing")
        if here != there:
            yield f"{step}: {path or 'body'}: {there}, in the local Paddle {here}"


def _facts(answer: Answer) -> dict[str, str]:
    told = {"HTTP status": str(answer.status), "media type": answer.media_type}
    return told | dict(shape_of(answer.body))
