"""Who is told of access, when: each change once, to who was told before."""

from collections.abc import Callable

from sqlalchemy import Engine

from models.notices import NoticeKind
from tests.factories import one, rows
from tests.notices import (
    BUYER,
    JUST_NOW,
    STATES,
    kinds,
    notice,
    purchase,
    refund,
    tell,
    turns,
)
from tests.subscriptions import subscription
from worker.notices.reading import Notice
from worker.notices.samples import EVERY, SAMPLES
from worker.settings import Settings


def test_access_is_told_of_step_by_step(shop: Engine) -> None:
    tell(shop, BUYER, subscription(at=-0.5))
    turns(shop)
    for status in ("paused", "active", "canceled"):
        period = None if status != "active" else -0.1
        tell(shop, subscription(status, at=JUST_NOW, period=period))
    told = [n if isinstance(n, str) else n.kind for n in turns(shop)]
    # Undone before its turn came: neither the pause nor the return is told.
    assert told == ["access has changed again", "access has changed again", "ended"]
    notices = one(shop, "SELECT count(DISTINCT key) FROM notifications")
    assert notices == len(kinds(shop)) == 4


def test_each_change_of_access_says_why(shop: Engine) -> None:
    tell(shop, BUYER, purchase(at=-0.1))
    [_, welcome] = turns(shop)
    tell(shop, refund())
    ended = notice(shop, NoticeKind.ENDED)
    tell(shop, purchase(at=0, id="txn_second"))
    restored = notice(shop, NoticeKind.RESTORED)
    assert isinstance(welcome, Notice)
    for found in (welcome, ended, restored):
        assert found.facts.keys() == SAMPLES[found.kind].keys() | EVERY.keys()
    assert ended.facts["reason"] == "refunded"


def test_nobody_hears_of_an_end_who_never_heard_of_access(shop: Engine) -> None:
    tell(shop, BUYER, purchase(at=-0.1))
    tell(shop, refund())
    turns(shop)
    assert {state for kind, state, _ in rows(shop, STATES) if kind == "welcome"} == {
        "skipped"
    }
    assert ("ended", "skipped", "never told of access") in rows(shop, STATES)


def test_an_old_end_of_access_is_told_to_nobody(shop: Engine) -> None:
    tell(shop, BUYER, purchase(at=-5))
    turns(shop)
    tell(shop, refund(at=-4))
    assert "ended" not in kinds(shop)


def test_without_welcomes_the_rest_is_told_and_none_comes_later(
    shop: Engine, configured: Callable[..., Settings]
) -> None:
    configured(notify_off="welcome")
    tell(shop, BUYER, subscription(at=-0.5))
    tell(shop, subscription("paused", at=-0.4, period=None))
    turns(shop)
    configured()
    tell(shop, subscription("active", at=-0.3, period=-0.3))
    assert [n for n in rows(shop, STATES) if n[0] != "restored"] == [
        ("welcome", "skipped", "off"),
        ("suspended", "sent", None),
    ]
    assert [n.kind for n in turns(shop) if isinstance(n, Notice)] == ["restored"]
