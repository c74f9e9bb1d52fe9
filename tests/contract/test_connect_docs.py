"""docs/connect.md gives a key what is asked for, and what it types is there."""

import json
import re

from worker.providers.paddle.connection import FOR_CHECKOUTS, NEEDED
from worker.providers.paddle.permissions import permission_of
from worker.settings import ROOT

GUIDE = (ROOT / "docs" / "connect.md").read_text()
ASKED = {permission_of(*one) for one in (*NEEDED, *FOR_CHECKOUTS)}
(STEP,) = re.findall(r"^2\. \*\*Make a key(.+?)\n\n", GUIDE, re.MULTILINE | re.DOTALL)
#: In the words of the dashboard: those to read, to read and write, to write.
READ, BOTH, WRITE = (
    re.sub(r"\s+", " ", part)
    for part in re.findall(r"\*(?:read|write)\*\s+for\s+([^;]+?)(?:;|\s+if\s)", STEP)
)


def named(permissions: set[str]) -> set[str]:
    """Return what permissions are for, in the dashboard's words."""
    entities = (one.partition(".")[0] for one in permissions)
    return {f"{entity.replace('_', ' ')}s" for entity in entities}


def listed(words: str) -> set[str]:
    """Return what a sentence lists."""
    return set(re.split(r", | and ", words))


def test_the_strict_account_has_the_permissions_that_are_asked_for() -> None:
    (given, _) = re.findall(r"-d '(\{.+?\})'", GUIDE, re.DOTALL)

    strict = json.loads(given)

    assert sorted(strict["permissions"]) == sorted(ASKED)
    assert strict["default_payment_link"] is None
    assert strict["approved_domains"] == []


def test_a_person_gives_the_permissions_that_are_asked_for() -> None:
    reading = {one for one in ASKED if one.endswith(".read")}
    writing = ASKED - reading

    assert listed(READ) | listed(BOTH) == named(reading)
    assert listed(BOTH) | listed(WRITE) == named(writing)
