"""Goes through the steps; each can be repeated, and says what it did."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from models.kept_snapshots import PriceSnapshot
from worker.connect import account, rotation
from worker.connect.catalog import OnSale, pulled
from worker.connect.errors import ConnectError, during
from worker.connect.plan import Plan
from worker.connect.proof import STEP as SIMULATION
from worker.connect.proof import Patience, Proof
from worker.connect.secrets import STEP as SECRET
from worker.connect.secrets import check_place, keep
from worker.connect.step import Step
from worker.environment import stamp_of
from worker.providers.paddle.connection import PaddleConnection

#: What no call of the API can do, nor tell whether it is done.
BY_HAND = (
    "set the default payment link: Paddle > Checkout > Checkout settings",
    "have its domain approved: Paddle > Checkout > Website approval",
    "before going live, finish the verification: Paddle > Business account",
)
PRODUCTS = "Paddle > Catalog > Products"
MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Connecting:
    """What it takes to connect."""

    plan: Plan
    api: PaddleConnection
    catalog_file: Path
    #: None: there is no database yet.
    engine: Engine | None
    patience: Patience

    def steps(self) -> Iterator[Step]:
        """Connect, step by step; what has come is done.

        Raises:
            ConnectError: A step failed; run it again when that is put right.
        """
        yield from self._before()
        if self.plan.dry_run:
            yield from self._dry()
            return
        with during("destination"):
            setting, done = account.set_up(self.api, self.plan)
            others = account.beside(self.api, self.plan, setting)
        yield Step("destination", f"{setting.id} {done}")
        for one in others:
            yield Step("destination", account.doubt_of(one, self.plan))
        with during(SECRET):
            kept = keep(self.plan, setting.endpoint_secret_key)
        yield kept
        yield from self._prices()
        with (
            during(SIMULATION),
            account.taking_simulations(self.api, self.plan, setting.id),
        ):
            is_new = setting.endpoint_secret_key not in self.plan.secrets
            arrived = self._proof().run(setting, is_new=is_new)
        yield Step(SIMULATION, f"{arrived}: works" if self.engine else arrived)

    def rotation(self) -> Iterator[Step]:
        """Change the secret: prepare it, or, prepared, go over to it."""
        yield from self._before()
        yield from rotation.rotate(self.api, self.plan, self._proof())

    def _before(self) -> Iterator[Step]:
        self._check_database()
        with during(SECRET):
            check_place(self.plan)
        with during("permissions"):
            lacking = account.check_permissions(self.api)
        yield Step("environment", f"{self.plan.environment}, as the key")
        more = f"; to open checkouts it lacks {', '.join(lacking)}" if lacking else ""
        yield Step("permissions", f"all that is needed{more}")

    def _check_database(self) -> None:
        """See that nothing of this account gets among another environment's rows."""
        stamp = stamp_of(self.engine) if self.engine else None
        if stamp not in {None, self.plan.environment}:
            raise ConnectError(
                "environment",
                f"the database belongs to {stamp}, not to {self.plan.environment}:"
                " name that one's own as DATABASE_URL.",
            )

    def _dry(self) -> Iterator[Step]:
        words = f"would be created: {self.plan.destination}"
        with during("destination"):
            if known := account.find(self.api, self.plan):
                wanted = account.wanted_of(self.api, self.plan)
                changes = ", ".join(sorted(account.differences(known, wanted)))
                words = f"{known.id} would change: {changes}" if changes else "as it is"
        yield Step("destination", words)
        yield from self._prices()

    def _prices(self) -> Iterator[Step]:
        for words in BY_HAND:
            yield Step("by hand", words)
        with during("catalog"):
            on_sale = pulled(self.api, self.plan, self.catalog_file, self.engine)
        yield Step("catalog", _told(on_sale))

    def _proof(self) -> Proof:
        return Proof(self.api, self.engine, self.patience)


def _told(on_sale: OnSale) -> str:
    every, lost = on_sale
    if not every:
        return f"no price is on sale: make a product with one ({PRODUCTS})"
    if not lost:
        return "every price gives a course"
    named = ", ".join(map(_named, lost[:MOST_NAMED]))
    rest = f" and {len(lost) - MOST_NAMED} more" if len(lost) > MOST_NAMED else ""
    return f"without a course: {named}{rest}. Map them: ./paddlewheel catalog map"


def _named(price: PriceSnapshot) -> str:
    name = price.name or price.description
    return f"{price.key.id} ({name})" if name else price.key.id
