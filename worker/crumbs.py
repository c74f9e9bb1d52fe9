"""Breadcrumbs: the steps of a purchase before an error, by ids, for Sentry.

One for each step and batch, with the ids of events, subscriptions and transactions that
it was about. Nothing else is ever kept: what does not look like an id of the provider's
or a row's number is left out, here and once more when an event leaves. Without Sentry a
step costs one look at a variable.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import sentry_sdk

#: Crumbs that an error shows, at most: the newest.
MOST_CRUMBS = 40
#: Ids of one sort in a crumb, at most; how many more there were is told.
MOST_IDS = 20
CATEGORY = "purchase"
STEPS = frozenset(
    {
        "claim",
        "read",
        "record",
        "compare",
        "fetch",
        "checkout",
        "activate",
        "mail",
        "tell",
        "release",
        "reconcile",
    }
)
#: Paddle's ids: a word for the kind, then 26 characters (UUIDv7 in Crockford's base32).
ID_FORM = re.compile("[a-z]{2,10}_[0-9a-z]{26}", re.ASCII)
ROW_FORM = re.compile("[0-9]{1,19}", re.ASCII)
FORMS = {
    "rows": ROW_FORM,
    "event_ids": ID_FORM,
    "subscription_ids": ID_FORM,
    "transaction_ids": ID_FORM,
}


def leave(
    step: str,
    rows: Sequence[int] = (),
    *,
    events: Iterable[str | None] = (),
    subscriptions: Iterable[str | None] = (),
    transactions: Iterable[str | None] = (),
) -> None:
    """Leave a crumb. Never raises, and without Sentry looks at nothing.

    Args:
        step: One of ``STEPS``.
        rows: Numbers of the rows of work that the step is about.
        events: Provider's ids of events; iterated only if a crumb is left.
        subscriptions: Of subscriptions.
        transactions: Of transactions.
    """
    if not sentry_sdk.is_initialized():
        return
    with suppress(Exception):
        given = {
            "rows": map(str, rows),
            "event_ids": events,
            "subscription_ids": subscriptions,
            "transaction_ids": transactions,
        }
        sentry_sdk.add_breadcrumb(
            category=CATEGORY, message=step, data=_data_of(given), level="info"
        )


def clear() -> None:
    """Forget the crumbs: what follows has nothing to do with them."""
    if sentry_sdk.is_initialized():
        sentry_sdk.get_isolation_scope().clear_breadcrumbs()


def kept(crumb: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return of a crumb what may leave; None: nothing, it is not one of ours."""
    if crumb.get("category") != CATEGORY or crumb.get("message") not in STEPS:
        return None
    given = crumb.get("data") or {}
    data: dict[str, Any] = {}
    for name, form in FORMS.items():
        ids = [word for word in str(given.get(name) or "").split() if _fits(form, word)]
        if ids:
            data[name] = " ".join(ids)
    if isinstance(given.get("more"), int):
        data["more"] = given["more"]
    return {
        "type": "default",
        "category": CATEGORY,
        "message": crumb["message"],
        "timestamp": crumb.get("timestamp"),
        "data": data,
    }


def _data_of(given: Mapping[str, Iterable[str | None]]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    more = 0
    for name, values in given.items():
        # As one text: the SDK keeps ten items of a list.
        fitting = dict.fromkeys(v for v in values if v and _fits(FORMS[name], v))
        more += max(0, len(fitting) - MOST_IDS)
        if fitting:
            data[name] = " ".join(islice(fitting, MOST_IDS))
    return {**data, "more": more} if more else data


def _fits(form: re.Pattern[str], word: str) -> bool:
    return form.fullmatch(word) is not None
