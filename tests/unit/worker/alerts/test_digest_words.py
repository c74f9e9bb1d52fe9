"""The digest as a person reads it in a chat."""

from datetime import date

from worker.alerts.access_times import AccessTimes
from worker.alerts.digest import Conversion, Digest, Mails, Single, Sum
from worker.alerts.digest_words import words

DAY = date(2026, 3, 1)
FULL = Digest(
    day=DAY,
    environment="production",
    purchases=Sum(12, {"EUR": 106_800, "JPY": 9_800}),
    refunds=Sum(1, {"EUR": 8_900}),
    given=12,
    ended=1,
    access=AccessTimes(12, 0.44, 8.4, 75),
    payments_failed={"the card has expired": 2, "zzz": 1},
    checkouts_opened=40,
    checkouts_paid=12,
    checkouts_by_price=(
        Conversion("paddle", "pri_1", "SQL", 30, 12),
        Conversion("paddle", "pri_2", "SQL", 9, 0),
        Conversion("paddle", "pri_3", "", 1, 0),
    ),
    checkouts_prices_more=2,
    parked_now=Sum(2, {"EUR": 17_800}),
    mails=Mails(12, 1, 0, 3),
    single=Single(
        dead_now=3,
        dead_new=1,
        replayed=2,
        released=1,
        alerts_opened=2,
        alerts_resolved=1,
        alerts_open_now=1,
    ),
)


def test_a_day_is_told_in_short_lines() -> None:
    title, body = words(FULL)

    assert title == ("The shop on Sun 2026-03-01: 12 purchases, 1068.00 EUR, 9800 JPY")
    assert body.splitlines() == [
        "Bought: 12 purchases, 1068.00 EUR, 9800 JPY",
        "Paid back: 1 refund, 89.00 EUR",
        "Access: 12 given, 1 ended",
        "From paid to access: half within 0.4 s (p50), 99 of 100 within 8.4 s (p99)",
        "The slowest: 1 min 15 s",
        "Checkouts: 40 opened, 12 of them paid by now (30%)",
        "- SQL (pri_1): 30 opened, 12 paid (40%)",
        "- SQL (pri_2): 9 opened, 0 paid (0%)",
        "- pri_3: 1 opened, 0 paid (0%)",
        "- and 2 prices more",
        "Payments that failed: 3",
        "- 2: the card has expired",
        "- 1: zzz",
        "",
        "Paid, but parked now: 2 lines, 178.00 EUR",
        "  ./paddlewheel parked list",
        "Open now: 3 dead letters",
        "  ./paddlewheel deadletters list",
        "Open now: 1 alert",
        "  ./paddlewheel alerts list",
        "New that day: 1 dead letter",
        "Healed: 1 parked course released, 2 dead letters replayed",
        "Messages: 12 sent, 1 skipped, 0 failed, 3 doubtful",
        "Alerts: 2 opened, 1 resolved",
    ]


def test_a_day_with_nothing_is_one_line() -> None:
    title, body = words(Digest(DAY, "production"))

    assert title.endswith("nothing happened and nothing waits.")
    assert body == "Nothing happened and nothing waits."


def test_what_is_zero_is_left_out_and_that_nothing_waits_is_said() -> None:
    _, body = words(Digest(DAY, "production", purchases=Sum(1, {"EUR": 100})))

    assert body.splitlines() == [
        "Bought: 1 purchase, 1.00 EUR",
        "",
        "Nothing waits for a person.",
    ]


def test_another_environment_is_named() -> None:
    title, _ = words(Digest(DAY, "sandbox"))

    assert title.startswith("[sandbox] The shop on Sun 2026-03-01")


def test_a_day_where_only_something_waits_is_no_quiet_one() -> None:
    waiting = Digest(DAY, "production", single=Single(alerts_open_now=1))

    assert "./paddlewheel alerts list" in words(waiting)[1]


def test_many_currencies_do_not_fill_the_title() -> None:
    sums = dict.fromkeys(("AUD", "CAD", "EUR", "USD"), 100)
    title, body = words(Digest(DAY, "production", purchases=Sum(8, sums)))

    assert title == "The shop on Sun 2026-03-01: 8 purchases in 4 currencies"
    assert "1.00 AUD, 1.00 CAD, 1.00 EUR, 1.00 USD" in body
