"""Whatever goes astray, one reconciliation brings our rows to the provider's truth.

Deliveries come late, twice or never, rows are edited and deleted by hand, a database is
put back from an older backup, all at random: afterwards one run of each kind makes the
ledger what the provider has and access what the rules say of that, and a second changes
no row.

``HISTORY_STEPS`` (environment) sets how many are lived; see ``make histories``. A failure
names its ``HISTORY_SEED``: set that to begin with the same one again.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import pytest
from structlog.testing import capture_logs

from models.reconciliation import RunKind, RunScope
from tests.histories.bodies import Body
from tests.histories.deployment import Deployment, opened
from tests.histories.drifting import Backup, contents, edit, reconcile
from tests.histories.oracle import Oracle
from tests.histories.outside import Outside
from tests.histories.shop import CHANGES, Shop
from tests.histories.truth import Truth
from tests.integration.test_histories import CATALOG, GRACE, KINDS
from worker.servers.postgres import Postgres
from worker.settings import Settings

#: Between one comparison and the next.
A_WHILE = 7
#: Each is a history.
FIRST = int(os.environ.get("HISTORY_SEED", "0"))
SEEDS = range(FIRST, FIRST + max(3, int(os.environ.get("HISTORY_STEPS", "0")) // 500))
#: How many of them lose a while to a restore.
OFTEN = 0.7
EVENTS = (RunKind.EVENTS, RunScope.RECENT)
FATES = ("delivered", "delivered", "doubled", "late", "lost")
#: Nothing is under way any more then.
SETTLED = timedelta(minutes=30)


@dataclass
class Astray:
    """A shop whose deliveries, rows and backups go astray, as the dice have it."""

    deployment: Deployment
    dice: Random
    shop: Shop
    outside: Outside
    truth: Truth = field(default_factory=Truth)
    #: Events that have yet to come, some of them once more.
    late: list[Body] = field(default_factory=list)
    joined: set[int] = field(default_factory=set)
    #: What happened, for whoever reads why a history failed.
    told: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, deployment: Deployment, seed: int) -> "Astray":
        """Open an empty shop."""
        deployment.reset()
        for price, (courses, days) in CATALOG.items():
            given = {course: KINDS[course] for course in courses}
            deployment.map_price(price, given, days)
        shop, outside = Shop(deployment.now), Outside(deployment.engine)
        return cls(deployment, Random(seed), shop, outside)

    def live(self, moves: int) -> None:
        """Let something happen, and some of it be told."""
        for _ in range(moves):
            self._move()
            self._tell()

    def edit(self, times: int) -> None:
        """Change rows by hand."""
        for _ in range(times):
            which, place = self.dice.randrange(1000), self.dice.randrange(1000)
            self.told.append(edit(self.deployment.engine, which, place))

    def restore(self, backup: Backup) -> None:
        """Put the database back; the platform then reads the view, as documented."""
        self.told.append("restore")
        backup.restore(self.deployment.engine)
        self.deployment.pass_time(timedelta())
        self.outside.read_view()
        self.outside.forget_what_waits()

    def arrive_late(self, most: int) -> None:
        """Deliver what waits, or comes a second time."""
        now, self.late = self.late[:most], self.late[most:]
        self._arrive(now)

    def reconcile(self, times: int = 1) -> None:
        """Reconcile, look whether all is right by then, and that more changes nothing."""
        self._pass(SETTLED)
        self._work()
        self.told.append("reconcile")
        api = self.truth.api(self.deployment.now)
        reconcile(self.deployment, api)
        self.outside.hear()
        self._compare()
        before = contents(self.deployment.engine)
        for _ in range(times - 1):
            reconcile(self.deployment, api)
            assert contents(self.deployment.engine) == before

    def _compare(self) -> None:
        assert self.truth.differences(self.deployment.engine) == {}
        oracle = Oracle(KINDS, timedelta(days=GRACE))
        oracle.record(self.truth.snapshots(), self.deployment.offers)
        expected = oracle.enrollments(self.deployment.offers, self.deployment.now)
        assert self.deployment.has() == expected
        assert self.outside.mailed_twice() == {}
        assert self.outside.differs() == {}

    def _move(self) -> None:
        dice, shop = self.dice, self.shop
        some, other = dice.randrange(40), dice.randrange(40)
        moves: tuple[Callable[[], object], ...] = (
            lambda: self._sell(lambda: shop.buy(some, other, dice.randrange(3)), some),
            lambda: self._sell(
                lambda: shop.subscribe(some, other, by_invoice=other % 3 == 0), some
            ),
            lambda: shop.refund(
                some, dice.choice([40, 100]), dice.choice(["approved", "rejected"])
            ),
            lambda: shop.dispute(some, is_warning=dice.random() < 0.5),
            lambda: shop.reverse(some, marks=dice.random() < 0.5),
            lambda: shop.pay(some),
            lambda: shop.change(some, dice.choice(CHANGES)),
            lambda: self._pass(timedelta(days=dice.choice([1, 8, 20]))),
            lambda: self.arrive_late(dice.randint(1, 20)),
        )
        place = dice.choices(range(len(moves)), (4, 3, 2, 1, 1, 1, 2, 1, 1))[0]
        self.told.append(f"move {place}")
        moves[place]()

    def _sell(self, what: Callable[[], None], who: int) -> None:
        if who % 4 not in self.joined:
            self.joined.add(who % 4)
            self.shop.join(who)
        what()

    def _tell(self) -> None:
        told, self.shop.pool = self.shop.pool, []
        arrived = []
        for body in told:
            self.truth.know(body)
            fate = self.dice.choice(FATES)
            self.told.append(f"{body['event_type']} {body['data']['id']} {fate}")
            if fate in {"delivered", "doubled"}:
                arrived.append(body)
            if fate in {"doubled", "late"}:
                self.late.insert(self.dice.randint(0, len(self.late)), body)
        self._arrive(arrived)

    def _arrive(self, bodies: list[Body]) -> None:
        self.deployment.arrive(bodies)
        self.truth.delivered(bodies, self.deployment.now)
        self._work()

    def _work(self) -> None:
        self.deployment.work()
        self.outside.hear()

    def _pass(self, span: timedelta) -> None:
        self.deployment.pass_time(span)
        self.shop.now = max(self.shop.now, self.deployment.now)


@pytest.fixture
def deployment(
    postgres: Postgres, configured: Callable[..., Settings], celery_app: object
) -> Iterator[Deployment]:
    """A database of its own, whose clock can be moved."""
    del celery_app
    with opened(postgres, configured, "drifts", GRACE, moves_rows=True) as made:
        yield made


def test_whatever_goes_astray_one_reconciliation_puts_right(
    deployment: Deployment,
) -> None:
    for seed in SEEDS:
        astray = Astray.begin(deployment, seed)
        try:
            with capture_logs():
                a_history(astray)
        except Exception as error:
            error.add_note("\n".join([f"HISTORY_SEED={seed}", *astray.told]))
            raise


def a_history(astray: Astray) -> None:
    """Live and reconcile; go on, lose it to a restore or not, and reconcile again."""
    reconcile(astray.deployment, astray.truth.api(astray.deployment.now), [EVENTS])
    astray.live(A_WHILE)
    astray.edit(3)
    astray.reconcile()
    backup = Backup.of(astray.deployment.engine)
    astray.live(A_WHILE)
    if astray.dice.random() < OFTEN:
        astray.restore(backup)
    astray.edit(3)
    astray.reconcile(times=2)
    astray.arrive_late(len(astray.late))
    astray.reconcile()
