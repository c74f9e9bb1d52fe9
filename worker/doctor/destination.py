"""Checks of where Paddle delivers: there, on, here, all of it, and proven."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit

from sqlalchemy import Row, text
from sqlalchemy.exc import SQLAlchemyError

from worker.connect.destination import (
    NOTIFICATIONS,
    PATH,
    bare,
    problem_of,
    traffic_of,
    types_of,
)
from worker.doctor import lines
from worker.doctor.check import Check, Severity, Verdict, broken, look, ok
from worker.doctor.deliveries import (
    MOST_ASKED,
    Deliveries,
    deliveries_of,
    host_of,
    ours,
    settings_of,
    shown_of,
)
from worker.doctor.paddle import with_key
from worker.doctor.scene import Scene
from worker.providers.paddle.connection import Setting
from worker.providers.paddle.event_types import EVENT_TYPES, Outcome
from worker.providers.paddle.provider import Paddle
from worker.settings import Environment
from worker.wording import counted

#: Destinations that are told of by name.
MOST_NAMED = 5
#: One or two may have met a restart.
MANY_FAILING = 3

_LAST = text("""
SELECT event_id, received_at FROM inbox
WHERE provider = :provider AND source = 'webhook'
ORDER BY received_at DESC LIMIT :most
""")


def _destination(scene: Scene) -> Iterable[Verdict]:
    known, mine = settings_of(scene), ours(scene)
    if not known:
        yield broken("Paddle has no notification destination.", _connect(scene))
    elif not mine:
        named = _some([f"{one.id} at {host_of(one)}" for one in known])
        words = (
            "No destination's secret stands in PADDLE_WEBHOOK_SECRETS, so every"
            f" delivery is refused. Paddle has {named}."
        )
        yield broken(words, _connect(scene))
    elif not mine[0].active:
        words = f"The destination {mine[0].id} is switched off: nothing is delivered."
        yield broken(words, _connect(scene))
    else:
        yield _alone(mine[0], [one for one in mine[1:] if one.active])


def _alone(right: Setting, others: Sequence[Setting]) -> Verdict:
    """Judge what is on beside the right one; a rotation adds a query to its address."""
    if not others:
        return ok(f"{right.id} is on, and its secret is ours")
    there = bare(right.destination)
    if twins := [one.id for one in others if bare(one.destination) == there]:
        named = " and ".join(sorted([right.id, *twins]))
        words = f"{named} lead to one address, so each event comes as often."
        return look(words, f"switch all but one off: {NOTIFICATIONS}")
    named = _some([f"{one.id}, which leads to {shown_of(one)}" for one in others])
    words = f"Beside {right.id} this is on too, with a secret of ours: {named}."
    return look(words, f"if nothing is there any more: {NOTIFICATIONS}, switch it off")


def _connect(scene: Scene) -> str:
    """Return the line that mends it, at its own host if that can be reached."""
    environment = scene.config.paddle_environment
    there = [shown_of(one) for one in ours(scene)]
    right = (one for one in there if not problem_of(urljoin(one, PATH), environment))
    return lines.connect(scene.config, next(right, ""))


def _address(scene: Scene) -> Iterable[Verdict]:
    config = scene.config
    for one in ours(scene)[:1]:
        words = f"The destination {one.id} leads to {shown_of(one)}:"
        if problem := problem_of(one.destination, config.paddle_environment):
            yield broken(f"{words} {problem}.", _connect(scene))
        elif (doubt := _doubt_of(one.destination, scene)) is None:
            yield ok(shown_of(one))
        elif _is_proven(scene):
            yield ok(f"{shown_of(one)}, and deliveries come through")
        else:
            yield replace(doubt, words=f"{words} {doubt.words}")


def _doubt_of(address: str, scene: Scene) -> Verdict | None:
    """Doubt an address that arrives only if something on the way sees to that."""
    url = urlsplit(address)
    port = url.port or {"http": 80}.get(url.scheme, 443)
    config = scene.config
    if config.paddle_environment == Environment.LOCAL and port != config.web_port:
        return broken(f"WEB_PORT is {config.web_port}.", _connect(scene))
    if url.path != PATH:
        words = f"the receiver takes them at {PATH} only. Does a proxy see to that?"
        return look(words, _connect(scene))
    return None


def _is_proven(scene: Scene) -> bool:
    try:
        return all(one.severity is Severity.OK for one in _proven(scene))
    except SQLAlchemyError:
        # The check of the database tells of it.
        return False


def _events(scene: Scene) -> Iterable[Verdict]:
    with scene.asking() as api:
        wanted = types_of(api.event_types())
    for one in ours(scene)[:1]:
        missing = sorted(wanted - one.subscribed)
        applied = [n for n in missing if EVENT_TYPES[n].outcome is Outcome.APPLIED]
        kept = [n for n in missing if EVENT_TYPES[n].outcome is Outcome.KEPT]
        needless = sorted(one.subscribed - wanted)
        if applied:
            words = f"Not subscribed to {_some(applied)}: access goes without them."
            yield broken(words, _connect(scene))
        if kept:
            yield look(
                f"Not subscribed to {_some(kept)}, which is kept.", _connect(scene)
            )
        if needless:
            words = f"Subscribed to {_some(needless)}, which is never used."
            yield look(words, _connect(scene))
        if not (missing or needless):
            yield ok(f"subscribed to the {len(wanted)} types that are of use")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMED])
    rest = len(names) - MOST_NAMED
    return f"{shown} and {rest} more" if rest > 0 else shown


def _traffic(scene: Scene) -> Iterable[Verdict]:
    most = traffic_of(scene.config.paddle_environment)
    for one in ours(scene)[:1]:
        if one.traffic_source == "simulation":
            words = f"The destination {one.id} gets simulations only, and no purchase."
            yield broken(words, _connect(scene))
        elif one.traffic_source == "all" and most != "all":
            words = f"The destination {one.id} gets simulations too, which production ignores."
            yield look(words, _connect(scene))
        else:
            yield ok(f"{one.traffic_source} traffic")


def _proven(scene: Scene) -> Iterable[Verdict]:
    found = deliveries_of(scene)
    with scene.reading() as connection:
        given = {"provider": Paddle.name, "most": MOST_ASKED}
        last = connection.execute(_LAST, given).all()
    if found.failing:
        yield _failing(found)
    elif found.lost:
        words = (
            f"Of {found.taken} that Paddle says were taken the newest {found.lost} are"
            " not in this inbox: the address leads to another receiver or another"
            " database."
        )
        yield broken(words, _connect(scene))
    elif found.verified:
        words = f"{found.verified} of its newest {found.looked_at} deliveries"
        yield ok(f"{words} are in the inbox")
    else:
        yield _without_events(last, scene)


def _failing(found: Deliveries) -> Verdict:
    since = " since one was last taken" if found.taken else ", and none was taken"
    words = f"Deliveries of {counted(found.failing, 'event')} failed{since}."
    command = f"{NOTIFICATIONS}: read the answers"
    if found.failing < MANY_FAILING:
        return look(words, command)
    return broken(words, command)


def _without_events(last: Sequence[Row[Any]], scene: Scene) -> Verdict:
    """Judge what came, where Paddle has not delivered any event of its own."""
    simulated = [one for one in last if one.event_id.startswith(Paddle.simulated)]
    is_real = scene.config.paddle_environment == Environment.PRODUCTION
    if simulated and not is_real:
        at = f"{simulated[0].received_at:%Y-%m-%d %H:%M} UTC"
        return ok(f"a simulation was verified ({at}); nothing was bought yet")
    if last:
        words = "Deliveries came before, and none of an event from this destination."
        return look(words, _connect(scene))
    return look("No delivery ever proved the secret.", _connect(scene))


CHECKS = (
    Check(
        "destination",
        "Paddle has an active notification destination whose secret stands in"
        " `PADDLE_WEBHOOK_SECRETS`, and only one.",
        with_key(_destination),
        needs=("api key",),
        mistake=Severity.LOOK,
    ),
    Check(
        "address",
        "It leads to the receiver: the right path (behind a prefix, if deliveries come"
        " through), https and a public host, or `WEB_PORT` of this machine under"
        " `local`.",
        with_key(_address),
        needs=("api key", "destination"),
        mistake=Severity.LOOK,
    ),
    Check(
        "events",
        "It is subscribed to each type that is applied (`docs/events.md`), and to none"
        " that is ignored.",
        with_key(_events),
        needs=("api key", "destination"),
        mistake=Severity.LOOK,
    ),
    Check(
        "traffic",
        "It gets real events, and in production only these.",
        with_key(_traffic),
        needs=("api key", "destination"),
        mistake=Severity.LOOK,
    ),
    Check(
        "secret",
        "Real deliveries of this destination were verified, down to the newest: they"
        " are in the inbox, and none fails since.",
        with_key(_proven),
        needs=("api key", "destination", "database", "migrations"),
        mistake=Severity.LOOK,
    ),
)
