"""``paddlewheel catalog sync``: what the provider sells, into the inbox."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer
from rich.text import Text
from sqlalchemy import Engine

from worker.budget import Budget, Lane, Patient
from worker.catalog import CatalogError, read_catalog
from worker.catalog_pull import Assortment, Puller
from worker.cli.database import database
from worker.cli.output import console, print_json, print_table, shown
from worker.cli.progress import late_bar
from worker.errors import PaddlewheelError, TransientError
from worker.offers import contradictions_of
from worker.providers.accounts import askable
from worker.providers.clients import APIS
from worker.providers.errors import ApiBusyError, ApiError
from worker.settings import Settings, settings

#: Of one page, at most.
CALL_SECONDS = 10.0
#: For a turn, before each page.
PATIENCE = timedelta(minutes=1)
#: Of those that differ, so many are named.
MOST_NAMED = 20


def sync(
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell the difference.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Ask for products, prices and discounts, and take up what is new or changed."""
    config = settings()
    catalog = read_catalog(config.catalog_file, config.paddle_environment)
    # Where nobody can be asked, asking says what is missing.
    names = askable(config) or list(APIS)
    with database() as engine:
        found = {name: _pulled(engine, config, name, dry_run=dry_run) for name in names}
    if as_json:
        print_json({"dry_run": dry_run, "providers": _plain(found)})
    else:
        _print(found, dry_run=dry_run)
    problems = [
        sentence
        for assortment in found.values()
        for pulled in assortment.kinds.values()
        for sentence in pulled.odd
    ]
    for assortment in found.values():
        problems += contradictions_of(catalog, assortment.named())
    if problems:
        raise CatalogError("\n".join(problems))


def _pulled(
    engine: Engine, config: Settings, provider: str, *, dry_run: bool
) -> Assortment:
    found = Assortment()
    gate = Patient(Budget(engine, provider, Lane.LIVE, config), PATIENCE)
    with (
        APIS[provider](config, CALL_SECONDS, gate) as api,
        _sentences(provider),
        late_bar(f"asking {provider}", None) as bar,
    ):
        for entities in Puller(engine, provider, api, dry_run).pull(found):
            bar.advance(entities)
    return found


@contextmanager
def _sentences(provider: str) -> Iterator[None]:
    """Say what to do when the provider does not answer."""
    again = "What came before is kept: run it again"
    try:
        yield
    except ApiBusyError as error:
        seconds = error.wait_at_least.total_seconds()
        raise PaddlewheelError(
            f"{provider} {error}. {again} in {seconds:.0f} s."
        ) from error
    except (TransientError, ApiError) as error:
        detail = f" {error.detail}" if isinstance(error, ApiError) else ""
        message = f"{provider}: {error}.{detail} {again} when that is put right."
        raise PaddlewheelError(message) from error


def _plain(found: dict[str, Assortment]) -> dict[str, object]:
    return {
        name: {kind: asdict(pulled) for kind, pulled in assortment.kinds.items()}
        for name, assortment in found.items()
    }


def _print(found: dict[str, Assortment], *, dry_run: bool) -> None:
    for name, assortment in found.items():
        print_table(
            f"What {name} sells" + (", compared only" if dry_run else ""),
            ("kind", "new", "changed", "unchanged"),
            [
                (kind, len(pulled.new), len(pulled.changed), pulled.unchanged)
                for kind, pulled in assortment.kinds.items()
            ],
        )
        for what in ("new", "changed"):
            ids = [one for p in assortment.kinds.values() for one in getattr(p, what)]
            if ids:
                more = f" and {len(ids) - MOST_NAMED:,} more" * (len(ids) > MOST_NAMED)
                console().print(
                    Text(shown(f"{what}: {' '.join(ids[:MOST_NAMED])}{more}")),
                    soft_wrap=True,
                )
    if not dry_run:
        console().print("What is new or changed is recorded like any other event.")
