"""Brings the catalog file into the database, keeping every older version."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from worker.catalog import Catalog, CatalogCourse, CatalogError, CatalogOffer
from worker.purposely import compute_anew
from worker.settings import Settings

_COURSES = text("""
INSERT INTO courses AS known (key, kind, title)
SELECT key, kind, title
FROM unnest(CAST(:keys AS text[]), CAST(:kinds AS text[]), CAST(:titles AS text[]))
  AS told(key, kind, title)
ON CONFLICT (key) DO UPDATE SET kind = excluded.kind, title = excluded.title
""")
_KNOWN_COURSES = text("SELECT key, title, kind FROM courses WHERE key = ANY(:keys)")
# One at a time: two that start together must not make the same version twice.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('paddlewheel catalog'))")
_CURRENT = text("""
SELECT id, provider, price_id, course_key, days FROM offers WHERE valid_until IS NULL
""")
_CLOSE = text("UPDATE offers SET valid_until = now() WHERE id = ANY(:ids)")
_OPEN = text("""
INSERT INTO offers (provider, price_id, course_key, days, version)
SELECT told.provider, told.price_id, told.course_key, told.days,
       coalesce(max(known.version), 0) + 1
FROM unnest(CAST(:providers AS text[]), CAST(:prices AS text[]),
            CAST(:courses AS text[]), CAST(:days AS bigint[]))
  AS told(provider, price_id, course_key, days)
LEFT JOIN offers known
  ON known.provider = told.provider AND known.price_id = told.price_id
  AND known.course_key IS NOT DISTINCT FROM told.course_key
GROUP BY 1, 2, 3, 4
""")
# What the provider itself says a price gives; the price's own word before its
# product's, as for an event.
_NAMED = text("""
SELECT p.provider, p.id, coalesce(p.course, o.course) AS course
FROM prices p
LEFT JOIN products o ON o.provider = p.provider AND o.id = p.product_id
WHERE p.id = ANY(:prices) AND coalesce(p.course, o.course) IS NOT NULL
ORDER BY p.provider, p.id
""")


#: By provider and price, the one course that the provider's ``custom_data`` names.
Named = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Difference:
    """How the catalog file differs from the offers in force."""

    courses: Sequence[CatalogCourse]
    opened: Sequence[CatalogOffer]
    #: What is no longer given to who buys from now on, by the offer's id.
    closed: dict[int, CatalogOffer]

    @property
    def of_nothing(self) -> set[str]:
        """The prices that begin, or cease, to give nothing on purpose."""
        changed = (*self.opened, *self.closed.values())
        return {one.price_id for one in changed if one.course_key is None}


def apply_catalog(
    connection: Connection, catalog: Catalog, config: Settings
) -> Difference:
    """Apply the catalog file: new versions for what changed, nothing for the rest.

    Args:
        connection: An open transaction.
        catalog: The file.
        config: The settings.

    Returns:
        What was changed.
    """
    connection.execute(_LOCK)
    difference = difference_of(connection, catalog)
    _write_courses(connection, difference.courses)
    connection.execute(_CLOSE, {"ids": list(difference.closed)})
    _open(connection, difference.opened)
    compute_anew(connection, difference.of_nothing, config)
    return difference


def difference_of(connection: Connection, catalog: Catalog) -> Difference:
    """Compare the catalog with the offers in force; change nothing."""
    wanted = set(catalog.offers)
    current = {
        CatalogOffer(row.provider, row.price_id, row.course_key, row.days): row.id
        for row in connection.execute(_CURRENT)
    }
    keys = [course.key for course in catalog.courses]
    known = {tuple(row) for row in connection.execute(_KNOWN_COURSES, {"keys": keys})}
    return Difference(
        [c for c in catalog.courses if (c.key, c.title, c.kind) not in known],
        _sorted(wanted - current.keys()),
        {current[offer]: offer for offer in _sorted(current.keys() - wanted)},
    )


def named_courses(connection: Connection, catalog: Catalog) -> Named:
    """Return what the provider says of the catalog's prices, as far as we were told."""
    prices = [offer.price_id for offer in catalog.offers]
    rows = connection.execute(_NAMED, {"prices": prices})
    return {(row.provider, row.id): row.course for row in rows}


def contradictions_of(catalog: Catalog, named: Named) -> list[str]:
    """Return a sentence for each price that gives something else by the provider."""
    given: dict[tuple[str, str], list[str]] = {}
    for offer in catalog.offers:
        courses = given.setdefault((offer.provider, offer.price_id), [])
        courses.append(offer.course_key or "nothing")
    return [
        f"{key[1]} gives {', '.join(courses)} by the catalog file and {named[key]} by"
        f" custom_data.course at {key[0]}: change one of them."
        for key, courses in given.items()
        if key in named and named[key] not in courses
    ]


def refuse_contradictions(connection: Connection, catalog: Catalog) -> None:
    """Check that the provider says of no price that it gives something else.

    Raises:
        CatalogError: It does; for each price one sentence that names both.
    """
    found = contradictions_of(catalog, named_courses(connection, catalog))
    if found:
        raise CatalogError("\n".join(found))


def _write_courses(connection: Connection, courses: Sequence[CatalogCourse]) -> None:
    parameters = {
        "keys": [course.key for course in courses],
        "kinds": [course.kind.value for course in courses],
        "titles": [course.title for course in courses],
    }
    connection.execute(_COURSES, parameters)


def _open(connection: Connection, offers: Sequence[CatalogOffer]) -> None:
    parameters = {
        "providers": [offer.provider for offer in offers],
        "prices": [offer.price_id for offer in offers],
        "courses": [offer.course_key for offer in offers],
        "days": [offer.days for offer in offers],
    }
    connection.execute(_OPEN, parameters)


def _sorted(offers: Iterable[CatalogOffer]) -> list[CatalogOffer]:
    return sorted(offers, key=lambda o: (o.provider, o.price_id, o.course_key or ""))
