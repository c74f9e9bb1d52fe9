"""The catalog file: what each price gives, per environment.

Checked whole before anything is changed; each mistake is a sentence with its line.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.access import CourseKind
from worker.errors import PaddlewheelError
from worker.providers.registry import PROVIDERS, provider_of_price
from worker.settings import ROOT, Environment

KEY = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
COURSE_FIELDS = {"key", "title", "kind"}
OFFER_FIELDS = {"courses", "days", "prices"}
LONGEST_DAYS = 36_500


class CatalogError(PaddlewheelError):
    """The catalog file has mistakes; one sentence with its line for each."""


@dataclass(frozen=True, slots=True)
class CatalogCourse:
    """A course as the file names it."""

    key: str
    title: str
    kind: CourseKind


@dataclass(frozen=True, slots=True)
class CatalogOffer:
    """What one price gives in this environment."""

    provider: str
    price_id: str
    #: None: nothing, on purpose.
    course_key: str | None
    days: int | None


@dataclass(frozen=True, slots=True)
class Catalog:
    """The whole file, for one environment."""

    courses: tuple[CatalogCourse, ...]
    offers: tuple[CatalogOffer, ...]


def read_catalog(path: Path, environment: Environment) -> Catalog:
    """Read and check the catalog.

    Raises:
        CatalogError: It is missing, not TOML, or says something wrong.
    """
    file = file_of(path)
    try:
        content = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        message = f"{file} does not exist: make it, or set CATALOG_FILE."
        raise CatalogError(message) from None
    except UnicodeDecodeError as error:
        raise CatalogError(f"{file.name}: {error}") from None
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror}."
        raise CatalogError(message) from None
    return catalog_of(content, file.name, environment)


def file_of(path: Path) -> Path:
    """Return where the catalog lies: what is not absolute, in the project's folder."""
    return path if path.is_absolute() else ROOT / path


def catalog_of(content: str, name: str, environment: Environment) -> Catalog:
    """Check the content of a catalog file.

    Args:
        content: TOML.
        name: The file's, for the sentences.
        environment: Ours.

    Raises:
        CatalogError: It is not TOML, or says something wrong.
    """
    try:
        document = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{name}: {error}") from None
    check = _Check(name, content)
    catalog = check.catalog(document, environment)
    if check.problems:
        raise CatalogError("\n".join(check.problems))
    return catalog


def price_forms() -> str:
    """Return in words how ids of prices are written."""
    return " or ".join(one.price_form.words for one in PROVIDERS.values())


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


class _Check:
    """Reads the tables and notes every mistake with its line."""

    def __init__(self, name: str, content: str) -> None:
        self.problems: list[str] = []
        self._name = name
        self._lines = content.splitlines()

    def catalog(self, document: dict[str, Any], environment: Environment) -> Catalog:
        for name in sorted(set(document) - {"courses", "offers"}):
            self._problem(self._find(name), f"{name} is not a table of the catalog")
        courses = tuple(self._courses(self._tables(document, "courses")))
        keys = {course.key for course in courses}
        offers = tuple(
            self._offers(self._tables(document, "offers"), keys, environment)
        )
        return Catalog(courses, offers)

    def _tables(self, document: dict[str, Any], name: str) -> list[dict[str, Any]]:
        tables = document.get(name, [])
        if isinstance(tables, list) and all(isinstance(t, dict) for t in tables):
            return tables
        self._problem(self._find(name), f"write each of {name} as [[{name}]]")
        return []

    def _courses(self, tables: Sequence[dict[str, Any]]) -> Iterator[CatalogCourse]:
        seen: set[str] = set()
        for number, table in enumerate(tables):
            line = self._header("courses", number)
            self._unknown(table, COURSE_FIELDS, line)
            key, title = table.get("key"), table.get("title")
            kind = table.get("kind", CourseKind.COURSE)
            kinds = [member.value for member in CourseKind]
            if not isinstance(key, str) or not KEY.fullmatch(key):
                self._problem(line, "key must be lower-case letters, digits and . _ -")
            elif key in seen:
                self._problem(line, f'the course "{key}" stands twice')
            elif not isinstance(title, str) or not title:
                self._problem(line, f'the course "{key}" needs a title')
            elif kind not in kinds:
                self._problem(line, f"kind must be one of {', '.join(kinds)}")
            else:
                seen.add(key)
                yield CatalogCourse(key, title, CourseKind(kind))

    def _offers(
        self,
        tables: Sequence[dict[str, Any]],
        keys: set[str],
        environment: Environment,
    ) -> Iterator[CatalogOffer]:
        seen: dict[str, int] = {}
        for number, table in enumerate(tables):
            line = self._header("offers", number)
            self._unknown(table, OFFER_FIELDS, line)
            days = self._days(table, line) if table.get("courses") else None
            courses = self._known_courses(table, keys, line)
            for provider, price in self._prices(table, environment, line):
                if price in seen:
                    told = f"the price {price} stands in line {seen[price]} already"
                    self._problem(line, told)
                    continue
                seen[price] = line
                yield from (
                    CatalogOffer(provider, price, course, days)
                    for course in courses or (None,)
                )

    def _days(self, table: dict[str, Any], line: int) -> int | None:
        days = table.get("days")
        if days is None:
            return None
        if type(days) is int and 0 < days <= LONGEST_DAYS:
            return days
        self._problem(line, f"days must be a whole number from 1 to {LONGEST_DAYS}")
        return None

    def _known_courses(
        self, table: dict[str, Any], keys: set[str], line: int
    ) -> list[str]:
        courses = table.get("courses")
        if not isinstance(courses, list) or not _is_texts(courses):
            needs = 'an offer needs courses = ["…"]; one that gives none has []'
            self._problem(line, needs)
            return []
        for course in courses:
            if course not in keys:
                self._problem(line, f'no [[courses]] has the key "{course}"')
        return [course for course in dict.fromkeys(courses) if course in keys]

    def _prices(
        self, table: dict[str, Any], environment: Environment, line: int
    ) -> list[tuple[str, str]]:
        """Return our prices, each with its provider."""
        prices = table.get("prices", {})
        if not isinstance(prices, dict) or not prices:
            self._problem(line, 'an offer needs prices.<environment> = "…"')
            return []
        self._unknown(prices, {member.value for member in Environment}, line, "prices.")
        ours = prices.get(environment.value, [])
        listed = ours if isinstance(ours, list) else [ours]
        found = []
        for price in listed:
            provider = provider_of_price(price) if isinstance(price, str) else None
            if provider is None:
                self._problem(line, f"{price!r} is not a price id ({price_forms()})")
            else:
                found.append((provider, price))
        return found

    def _unknown(
        self, table: dict[str, Any], known: set[str], line: int, before: str = ""
    ) -> None:
        for name in sorted(set(table) - known):
            allowed = ", ".join(sorted(known))
            self._problem(line, f"{before}{name} is unknown here; known: {allowed}")

    def _header(self, name: str, number: int) -> int:
        headers = [
            line
            for line, content in enumerate(self._lines, start=1)
            if re.match(rf"\s*\[\[\s*{name}\s*\]\]", content)
        ]
        return headers[number] if number < len(headers) else self._find(name)

    def _find(self, name: str) -> int:
        for line, content in enumerate(self._lines, start=1):
            if re.match(rf"\s*\[*\s*{re.escape(name)}\b", content):
                return line
        return 1

    def _problem(self, line: int, sentence: str) -> None:
        self.problems.append(f"{self._name} line {line}: {sentence}.")
