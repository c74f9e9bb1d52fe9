"""``paddlewheel catalog``: what is sold, and what each price gives."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlalchemy import Engine, Row

from worker.catalog import Catalog, read_catalog
from worker.cli.catalog_map import map_price
from worker.cli.catalog_sync import sync
from worker.cli.database import database, transaction
from worker.cli.output import console, print_json, print_table
from worker.cli.progress import late_bar
from worker.existing import find_behind, take_over
from worker.money import money
from worker.offers import Difference, apply_catalog, refuse_contradictions
from worker.price_list import price_list
from worker.settings import settings
from worker.wording import counted

group = typer.Typer(
    help="What is sold, and what each price gives.", no_args_is_help=True
)
group.command("sync")(sync)
group.command("map")(map_price)
Json = Annotated[bool, typer.Option("--json", help="For programs.")]


@group.command("apply")
def apply_file(
    *,
    existing: Annotated[
        bool,
        typer.Option(
            "--existing", help="What was given already follows the file as well."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell the difference.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the catalog file and apply it. What was sold before keeps its terms."""
    config = settings()
    catalog = read_catalog(config.catalog_file, config.paddle_environment)
    with database() as engine:
        difference, sources = _applied(
            engine, catalog, existing=existing, dry_run=dry_run
        )
        if existing and not dry_run:
            sources = _take_over(engine)
    tell = _print_json if as_json else _print
    tell(difference, sources if existing else None, dry_run=dry_run)


@group.command("list")
def list_prices(*, as_json: Json = False) -> None:
    """List every known price. First what was bought and is in no catalog."""
    with transaction() as connection:
        rows = price_list(connection)
    if as_json:
        print_json([dict(row._mapping) for row in rows])  # noqa: SLF001 (public API)
        return
    print_table(
        "Prices" if rows else "No price is known: `./paddlewheel catalog sync`",
        ("price", "costs", "gives", "bought"),
        [
            (
                # One above the other: an id that is broken cannot be copied.
                "\n".join(filter(None, (row.price_id, row.product or row.description))),
                _cost(row),
                _gives(row),
                row.bought,
            )
            for row in rows
        ],
    )


def _applied(
    engine: Engine, catalog: Catalog, *, existing: bool, dry_run: bool
) -> tuple[Difference, int]:
    """Apply the file, or see what that would do, and count whom --existing concerns."""
    with engine.connect() as connection, connection.begin() as deed:
        refuse_contradictions(connection, catalog)
        difference = apply_catalog(connection, catalog, settings())
        sources = find_behind(connection).total if existing and dry_run else 0
        if dry_run:
            deed.rollback()
    return difference, sources


def _take_over(engine: Engine) -> int:
    with engine.begin() as connection:
        behind = find_behind(connection)
    with late_bar("existing grants", behind.total) as bar:
        for done in take_over(engine, settings(), behind):
            bar.advance(done)
    return behind.total


def _print_json(difference: Difference, sources: int | None, *, dry_run: bool) -> None:
    print_json(
        {
            "dry_run": dry_run,
            "courses": [asdict(course) for course in difference.courses],
            "opened": [asdict(offer) for offer in difference.opened],
            "closed": [asdict(offer) for offer in difference.closed.values()],
            "existing": sources,
        }
    )


def _print(difference: Difference, sources: int | None, *, dry_run: bool) -> None:
    opened = [("opened", offer) for offer in difference.opened]
    closed = [("closed", offer) for offer in difference.closed.values()]
    if opened or closed:
        print_table(
            "Offers",
            ("", "price", "course", "days"),
            [
                (
                    what,
                    one.price_id,
                    one.course_key or "nothing",
                    one.days or ("for good" if one.course_key else "–"),
                )
                for what, one in opened + closed
            ],
        )
    would = "would be " if dry_run else ""
    said = (
        f"Catalog: {counted(len(difference.courses), 'course')} {would}changed,"
        f" {counted(len(opened), 'offer')} {would}opened, {len(closed)} {would}closed."
    )
    if sources is not None:
        said += f" {sources:,} purchases and subscriptions {would}taken over."
    console().print(said, soft_wrap=True)


def _cost(row: Row[Any]) -> str:
    if row.amount_minor is None:
        return "–"
    cost = money(row.amount_minor, row.currency)
    if row.cycle_interval is None:
        return cost
    number = row.cycle_frequency
    unit = row.cycle_interval
    return f"{cost}\nper {unit if number == 1 else counted(number, unit)}"


def _gives(row: Row[Any]) -> str:
    if row.on_purpose:
        return "nothing, on purpose"
    if not row.courses:
        return f"{row.named_course}\n(by {row.provider})" if row.named_course else "–"
    return "\n".join(
        f"{one['course']}{f', {days} d' if (days := one['days']) else ''}"
        f", v{one['version']}"
        for one in row.courses
    )
