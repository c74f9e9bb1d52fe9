"""The demo's verdict must be able to fail: each kind of wrong is noticed."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.worker.demo.good_day import good, problems, reconciled, told
from worker.demo.evidence import Evidence
from worker.demo.verdict import figures_of

Spoil = Callable[[dict[str, Any]], object]


def test_a_good_day_has_no_problem() -> None:
    figures = figures_of(Evidence(**good()), 1.0)
    assert problems(good()) == []
    assert (figures["alerts_opened"], figures["alerts_resolved"]) == (3, 2)
    assert figures["alerts_open"] == 1
    assert figures["alert_messages"] == 5
    assert (figures["flower_retry"], figures["flower_failure"]) == (2, 1)
    assert figures["enrollments_active"] == figures["mails"] == 7
    assert figures["mails_by_kind"] == {"welcome": 7}
    assert (figures["mails_doubled"], figures["orders_told"]) == (0, 1)
    assert (figures["enrollments_suspended"], figures["enrollments_ended"]) == (2, 2)
    assert (figures["subscriptions"], figures["adjustments"]) == (4, 2)
    assert (figures["simulated"], figures["fetched"]) == (1, 1)
    assert (figures["listed"], figures["late"], figures["undelivered"]) == (3, 1, 2)


def test_the_line_ends_with_what_was_healed_and_what_is_left() -> None:
    figures = figures_of(Evidence(**good()), 1.0)
    assert list(figures.items())[-4:] == [
        ("missed", 2),
        ("healed", 2),
        ("differences_after", 0),
        ("rows_changed_by_second_run", 0),
    ]


def missed(**changes: Any) -> Spoil:
    return lambda e: e.update(reconciled=reconciled(**changes))


WRONGS: dict[str, tuple[Spoil, str]] = {
    "event not stored": (lambda e: e["inbox"].pop("evt_2"), "lost"),
    "event not at its end": (lambda e: e["inbox"].update(evt_1="pending"), "lost"),
    "purchase not recorded": (lambda e: e["transactions"].clear(), "lost"),
    "purchase half recorded": (
        lambda e: e["transactions"].update(txn_1="paid"),
        "lost",
    ),
    "subscription not recorded": (
        lambda e: e["subscriptions"].pop("sub_di"),
        "lost",
    ),
    "renewal not recorded": (
        lambda e: e["subscriptions"].update(sub_bo="active"),
        "lost",
    ),
    "refund not recorded": (lambda e: e["adjustments"].pop("adj_1"), "lost"),
    "decision not recorded": (
        lambda e: e["adjustments"].update(adj_1="pending_approval"),
        "lost",
    ),
    "simulated event not stored": (lambda e: e["inbox"].pop("ntfsimevt_1"), "lost"),
    "answer not at its end": (lambda e: e["fetched"].update(pw_1="pending"), "lost"),
    "answer dead": (lambda e: e["fetched"].update(pw_1="dead"), "unexpected_dead"),
    "state uncounted": (
        lambda e: e["enrollments"][0].update(state="odd"),
        "enrollments is 11",
    ),
    "nobody told of a part refunded": (
        lambda e: e["findings"].pop("partial_refund"),
        "no finding tells of partial_refund",
    ),
    "mail twice": (lambda e: e["mails"].append(e["mails"][0]), "mails_doubled"),
    "mail for nothing": (
        lambda e: e["mails"].append(e["mails"][0]._replace(message_id="<odd@x>")),
        "mails_doubled",
    ),
    "order not told": (lambda e: e["platform_orders"].clear(), "order_differences"),
    "order made up": (lambda e: e["orders"].clear(), "order_differences"),
    "history with a hole": (
        lambda e: e.update(crooked_histories=1),
        "duplicated_effects",
    ),
    "forgery taken": (
        lambda e: e["inbox"].update(evt_f="processed"),
        "duplicated_effects",
    ),
    "good event dead": (lambda e: e["inbox"].update(evt_1="dead"), "unexpected_dead"),
    # A delivery that was captured and played again is of a real event.
    "captured event dead": (
        lambda e: (
            e["inbox"].update(evt_1="dead"),
            e["truth"]["extras"].append(
                {"kind": "stale", "event_id": "evt_1", "sha256": "cc"}
            ),
        ),
        "unexpected_dead",
    ),
    "mail dead": (lambda e: e.update(other_dead=1), "unexpected_dead"),
    "paid but not enrolled": (lambda e: e["access"].clear(), "access_differences"),
    "enrolled but not paid": (
        lambda e: e["truth"]["reasons"].clear(),
        "access_differences",
    ),
    "platform not told": (lambda e: e["platform"].clear(), "platform_differences"),
    "platform behind": (
        lambda e: e["access"][0].update(version=2),
        "platform_differences",
    ),
    "delivery uncounted": (
        lambda e: e["truth"]["counts"].update(deliveries=9),
        "deliveries",
    ),
    "duplicate uncounted": (lambda e: e["answers"].update(variant=0), "answered_200"),
    "nobody alarmed": (
        lambda e: e["alerts"].__delitem__(slice(2)),
        "no alert of dead_letters",
    ),
    "nobody told that deliveries do not arrive": (
        lambda e: e["alerts"].pop(),
        "no alert of missed_events",
    ),
    "deliveries said to arrive again": (
        lambda e: e["alerts"][2].update(state="resolved"),
        "alert 3 (missed_events:3) is resolved, not open",
    ),
    "lost event not found": (
        missed(listed={"evt_4": "processed", "evt_3": "stale"}),
        "lost",
    ),
    "found and not noted": (
        missed(missed={"evt_3": "retrying", "evt_5": "not_subscribed"}),
        "undelivered is 2",
    ),
    "lost event dead": (
        missed(listed={**reconciled().listed, "evt_4": "dead"}),
        "missed is 2, but healed 1",
    ),
    "lost event not explained": (
        missed(missed={**reconciled().missed, "evt_4": None}),
        "missed_failed is 0",
    ),
    "nothing lost": (
        lambda e: (
            missed(missed={"evt_3": "retrying"}, listed={"evt_3": "stale"})(e),
            e["inbox"].update(evt_4="processed", evt_5="stale"),
            [event.update(answered_200=1) for event in e["truth"]["events"]],
        ),
        "missed is 0",
    ),
    "run cut short": (missed(unfinished=["run 3 partial"]), "incomplete_runs"),
    "something differs": (missed(differences=["customers ctm_1: …"]), "differences"),
    "second run changes something": (
        missed(changed={"grants": 2}),
        "rows_changed_by_second_run is 2",
    ),
    "alert open at the end": (
        lambda e: e["alerts"][1].update(state="open"),
        "alert 2 (dead_letters:2) is open, not resolved",
    ),
    "false alarm": (
        lambda e: e["alerts"][0].update(kind="silent", fingerprint="silent:beat"),
        "alert 1 (silent:beat) is a false alarm",
    ),
    "alert came back": (
        lambda e: e["alerts"][1].update(flaps=1),
        "alert 2 (dead_letters:2) had been over and came back",
    ),
    "opened told twice": (
        lambda e: e["alert_messages"].append(
            {**told(1, "opened"), "key": "alert:1:opened:again"}
        ),
        "alert 1 (dead_letters:1) was told as opened 2 times",
    ),
    "opened never told": (
        lambda e: e["alert_messages"].pop(0),
        "alert 1 (dead_letters:1) was told as opened 0 times",
    ),
    "end never told": (
        lambda e: e["alert_messages"].pop(1),
        "alert 1 (dead_letters:1) was told as resolved 0 times",
    ),
    "message still on its way": (
        lambda e: e["alert_messages"][0].update(state="pending", way=None),
        "alert:1:opened is pending, not sent",
    ),
    "message left out": (
        lambda e: e["alert_messages"][0].update(state="skipped", way=None),
        "alert:1:opened is skipped, not sent",
    ),
    "message by the closed way": (
        lambda e: e["alert_messages"][3].update(way="1 (json)"),
        "alert:2:resolved went out by way 1 (json)",
    ),
    "message to the log only": (
        lambda e: e["alert_messages"][3].update(way=None),
        "alert:2:resolved went out by no way",
    ),
    "message lost": (
        lambda e: e["heard"].pop(2),
        "alert:2:opened was sent and did not arrive",
    ),
    "message arrived twice": (
        lambda e: e["heard"].append(e["heard"][0]),
        "alert:1:opened arrived 2 times",
    ),
    "message of nobody": (
        lambda e: e["heard"].append(("opened 9", "what to do")),
        "“opened 9” arrived and was not sent",
    ),
    "message changed on the way": (
        lambda e: e["heard"].__setitem__(0, ("opened 1", "somebody else's words")),
        "alert:1:opened was sent and did not arrive",
    ),
}


@pytest.mark.parametrize(("spoil", "named"), WRONGS.values(), ids=WRONGS.keys())
def test_every_wrong_is_noticed(spoil: Spoil, named: str) -> None:
    evidence = good()
    spoil(evidence)
    found = problems(evidence)
    assert any(problem.startswith(named) for problem in found), found
