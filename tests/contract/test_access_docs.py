"""The documentation of who gets access names what the rules name."""

import re

from models.access_rules import DISPUTED, REFUNDED
from models.subscription_rules import SCHEDULED, SERVED, TABLE
from worker.by_hand import CAUSES, REVOKED
from worker.grants import REMOVED, REPLACED
from worker.settings import ROOT

STATES = (ROOT / "docs" / "states.md").read_text()


def reasons() -> list[tuple[set[str], str]]:
    """The table of reasons: names, and the state they go with."""
    table = STATES.partition("\n| Reason | State | Means |\n")[2].partition("\n\n")[0]
    cells = [row.split("|")[1:3] for row in table.splitlines()[1:]]
    return [
        (set(re.findall(r"`([^`]+)`", cell)), state.strip()) for cell, state in cells
    ]


def test_every_reason_is_told_with_its_state() -> None:
    told = {(name, state) for names, state in reasons() for name in names}
    by_rule = {(standing.cause, standing.state.value) for _, standing in TABLE}
    by_hand = {(cause, "active") for cause in CAUSES.values()}
    served = {("subscribed", "active")} | {
        (status, "active") for status in SERVED - {"active"}
    }
    by_clock = {("past_due", "suspended"), ("paused", "suspended")} | {
        ("expired", "ended"),
        ("canceled", "ended"),
    }
    ends = (REFUNDED, REMOVED, REPLACED, REVOKED, "no grant", "item_inactive")
    others = {("purchased", "active"), (DISPUTED, "suspended")} | {
        (reason, "ended") for reason in ends
    }

    assert set(SCHEDULED.values()) <= {name for name, _ in by_clock}
    assert told == by_rule | by_hand | served | by_clock | others


def test_the_table_of_subscriptions_is_told_in_the_order_of_the_rules() -> None:
    section = STATES.partition("## Who gets access: subscriptions")[2]
    table = section.partition("| The subscription | Gives |")[2].partition("\n\n")[0]
    told = re.findall(r"`(\w+)`, `(\w+)` \|$", table, re.MULTILINE)
    rules = [(standing.state.value, standing.cause) for _, standing in TABLE]

    assert [row for row in told if row in rules] == rules
    assert told[2] == ("ended", "item_inactive")
    assert told[-3:] == [
        ("active", "subscribed"),
        ("active", "trialing"),
        ("active", "past_due"),
    ]
