"""Adds to the catalog file, and leaves what stands in it as it is.

Text is appended, so comments and formatting stay, and so does the file itself: whoever
mounted or linked it there goes on seeing it.
"""

import fcntl
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from worker.catalog import KEY, Catalog, CatalogError, catalog_of, file_of, price_forms
from worker.providers.registry import provider_of_price
from worker.settings import Environment


@dataclass(frozen=True, slots=True)
class Wish:
    """What a price is to give."""

    price_id: str
    #: Empty: nothing, on purpose.
    courses: Sequence[str]
    days: int | None = None
    #: Of a course that is new; else empty.
    title: str | None = None


def with_wish(content: str, name: str, environment: Environment, wish: Wish) -> str:
    """Return the file's content with a price added, checked.

    Raises:
        CatalogError: The file has mistakes, or would have one then.
    """
    _check(wish)
    known = catalog_of(content, name, environment)
    if any(offer.price_id == wish.price_id for offer in known.offers):
        raise CatalogError(
            f"{wish.price_id} stands in {name} already: change it there, then run"
            " `./paddlewheel catalog apply`."
        )
    added = "" if content.endswith("\n") or not content else "\n"
    added += _blocks(known, environment, wish)
    if "\r\n" in content:
        added = added.replace("\n", "\r\n")
    text = content + added
    catalog_of(text, name, environment)
    return text


def add_to_file(
    path: Path,
    environment: Environment,
    wish: Wish,
    check: Callable[[Catalog], None],
) -> Catalog:
    """Append a price to the catalog file, and return the file as it reads then.

    Args:
        path: As ``CATALOG_FILE`` names it.
        environment: Ours.
        wish: What to add.
        check: Raises for a catalog that must not be; called before anything is written.

    Raises:
        CatalogError: It cannot be written, or has mistakes; nothing is changed then.
    """
    file = file_of(path)
    try:
        with file.open("r+", encoding="utf-8", newline="") as opened:
            # Two that add at once come one after the other.
            fcntl.flock(opened, fcntl.LOCK_EX)
            before = opened.read()
            after = with_wish(before, file.name, environment, wish)
            check(catalog_of(after, file.name, environment))
            opened.write(after[len(before) :])
            opened.flush()
            os.fsync(opened.fileno())
            opened.seek(0)
            return catalog_of(opened.read(), file.name, environment)
    except FileNotFoundError:
        message = f"{file} does not exist: make it, or set CATALOG_FILE."
        raise CatalogError(message) from None
    except (OSError, UnicodeDecodeError) as error:
        message = f"{file} cannot be changed: {error.__class__.__name__}."
        raise CatalogError(message) from None


def _check(wish: Wish) -> None:
    if provider_of_price(wish.price_id) is None:
        told = f"{wish.price_id!r} is not a price id ({price_forms()})."
        raise CatalogError(told)
    for course in wish.courses:
        if not KEY.fullmatch(course):
            told = f"{course!r}: a course's key is lower-case letters, digits and . _ -"
            raise CatalogError(f"{told}.")
    if wish.days is not None and not wish.courses:
        raise CatalogError("--days is for courses.")
    if wish.title is not None and not (wish.title and wish.title.isprintable()):
        raise CatalogError("A title is printable text.")


def _blocks(known: Catalog, environment: Environment, wish: Wish) -> str:
    courses = list(dict.fromkeys(wish.courses))
    new = [key for key in courses if key not in {c.key for c in known.courses}]
    if wish.title is not None and len(new) != 1:
        raise CatalogError("--title is for one course that is new.")
    lines = []
    for key in new:
        title = wish.title if wish.title is not None else key
        lines += ["", "[[courses]]", f'key = "{key}"', f"title = {_quoted(title)}"]
    listed = ", ".join(f'"{key}"' for key in courses)
    lines += ["", "[[offers]]", f"courses = [{listed}]"]
    lines += [f"days = {wish.days}"] if wish.days is not None else []
    lines += [f'prices.{environment.value} = "{wish.price_id}"']
    return "\n".join(lines) + "\n"


def _quoted(title: str) -> str:
    # JSON's strings are TOML's, but for control characters, and those are refused.
    return json.dumps(title, ensure_ascii=False)
