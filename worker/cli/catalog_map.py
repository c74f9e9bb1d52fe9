"""``paddlewheel catalog map``: a price into the catalog file, and into force."""

from functools import partial
from typing import Annotated

import typer
from sqlalchemy import Connection, text

from worker.catalog import CatalogError
from worker.catalog_file import Wish, add_to_file
from worker.cli.database import transaction
from worker.cli.output import console
from worker.offers import apply_catalog, refuse_contradictions
from worker.settings import settings
from worker.wording import counted

_PARKED = text("""
SELECT count(*) AS lines, count(DISTINCT customer_id) AS buyers FROM parked
WHERE price_id = :price
""")
_KNOWN = text("""
SELECT EXISTS (SELECT FROM prices WHERE id = :price)
    OR EXISTS (SELECT FROM transaction_lines WHERE price_id = :price)
""")


def map_price(
    price: Annotated[str, typer.Argument(help="The price's id.")],
    courses: Annotated[
        list[str] | None, typer.Argument(help="Keys of what it gives.")
    ] = None,
    *,
    nothing: Annotated[
        bool, typer.Option("--nothing", help="A book, a donation: it gives no course.")
    ] = False,
    days: Annotated[
        int | None, typer.Option(help="Days of access; without it for good.")
    ] = None,
    title: Annotated[
        str | None, typer.Option(help="What a course that is new is called.")
    ] = None,
) -> None:
    """Say what a price gives: add it to the catalog file, and apply the file."""
    given = list(dict.fromkeys(courses or ()))
    if bool(given) == nothing:
        raise CatalogError("Name what the price gives, or say --nothing.")
    config = settings()
    wish = Wish(price, given, days, title)
    with transaction() as connection:
        said = _told_of(connection, price, gives=bool(given))
        catalog = add_to_file(
            config.catalog_file,
            config.paddle_environment,
            wish,
            partial(refuse_contradictions, connection),
        )
        apply_catalog(connection, catalog, config)
    console().print(
        f"{price} gives {', '.join(given) or 'nothing, on purpose'}:"
        f" in {config.catalog_file.name}, and in force.",
        soft_wrap=True,
    )
    for sentence in said:
        console().print(sentence, soft_wrap=True)


def _told_of(connection: Connection, price: str, *, gives: bool) -> list[str]:
    """Say what a person should know of a price before it is mapped."""
    parked = connection.execute(_PARKED, {"price": price}).one()
    if parked.lines:
        lines, buyers = counted(parked.lines, "paid line"), parked.buyers
        waited = f"{lines} of {counted(buyers, 'buyer')} waited for it"
        then = "access follows within about 30 s" if gives else "it waits no longer"
        return [f"{waited}: {then}."]
    if not connection.execute(_KNOWN, {"price": price}).scalar_one():
        said = "No event and no `./paddlewheel catalog sync` has told of it yet."
        return [said]
    return []
