"""Catalog files for tests, and what is done with them."""

from pathlib import Path

from sqlalchemy import Engine

from tests.purchases import ONE_OFF_PRICE
from worker.catalog import Catalog, read_catalog
from worker.existing import find_behind, take_over
from worker.offers import Difference, apply_catalog
from worker.settings import settings


def catalog_text(
    *courses: str, days: int | None = None, price: str = ONE_OFF_PRICE
) -> str:
    """Return a catalog file in which one price gives some courses."""
    named = "".join(f'[[courses]]\nkey = "{c}"\ntitle = "{c}"\n' for c in courses)
    listed = ", ".join(f'"{course}"' for course in courses)
    offer = f'[[offers]]\ncourses = [{listed}]\nprices.local = "{price}"\n'
    return named + offer + (f"days = {days}\n" if days else "")


def catalog_in(folder: Path, text: str) -> Catalog:
    """Write a catalog file, and read it."""
    file = folder / "catalog.toml"
    file.write_text(text)
    return read_catalog(file, settings().paddle_environment)


def apply(engine: Engine, folder: Path, text: str) -> Difference:
    """Put a catalog file into force."""
    with engine.begin() as connection:
        return apply_catalog(connection, catalog_in(folder, text), settings())


def apply_existing(engine: Engine) -> int:
    """Have what was given follow the offers in force; return how much was behind."""
    with engine.begin() as connection:
        behind = find_behind(connection)
    done = sum(take_over(engine, settings(), behind))
    assert done == behind.total
    return done
