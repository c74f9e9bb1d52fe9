"""Which prices of an account give no course yet."""

from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Engine

from models.kept_snapshots import PriceSnapshot
from worker.catalog import read_catalog
from worker.catalog_pull import Assortment, Puller
from worker.connect.plan import Plan
from worker.differences import told_of
from worker.errors import MalformedPayloadError
from worker.providers.paddle.connection import PaddleConnection
from worker.providers.paddle.provider import Paddle

_ON_SALE = "active"


class OnSale(NamedTuple):
    """The active prices."""

    every: list[PriceSnapshot]
    #: Those that give nothing we know of.
    without_course: list[PriceSnapshot]


def pulled(
    api: PaddleConnection, plan: Plan, file: Path, engine: Engine | None
) -> OnSale:
    """Pull the catalog; return what is on sale.

    Args:
        api: The account.
        plan: Its environment.
        file: The catalog file.
        engine: Where what is pulled is stored; None: nowhere yet.

    Raises:
        CatalogError: The file is missing or has mistakes.
    """
    catalog = read_catalog(file, plan.environment)
    mapped = {offer.price_id for offer in catalog.offers}
    found = Assortment()
    if engine is None:
        _look(api, found)
    else:
        for _ in Puller(engine, Paddle.name, api, plan.dry_run).pull(found):
            pass
    named = {price_id for _, price_id in found.named()}
    every = [one for one in found.prices() if one.status == _ON_SALE]
    return OnSale(every, [one for one in every if one.key.id not in mapped | named])


def _look(api: PaddleConnection, found: Assortment) -> None:
    for kind, pages in (("product", api.products), ("price", api.prices)):
        for entity in (one for page in pages() for one in page):
            try:
                found.note(told_of(Paddle.name, kind, entity).snapshot)
            except MalformedPayloadError:
                # ``catalog sync`` says so; it gives no course in any case.
                continue
