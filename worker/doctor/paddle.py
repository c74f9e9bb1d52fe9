"""Checks of what Paddle lets us do: the API answers, the key may, the clocks agree.

Paddle tells nobody what a key may do or when it ends: each permission is tried by
asking for one thing, and the end is known only from the event that announces it.
Facts: https://developer.paddle.com/api-reference/about/api-keys.
"""

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import msgspec
from sqlalchemy import text

from worker.channels.deadline import Deadline, within
from worker.doctor.check import (
    Check,
    Severity,
    Verdict,
    broken,
    look,
    ok,
    skipped,
)
from worker.doctor.database import side_of
from worker.doctor.scene import CALL_SECONDS, Scene
from worker.providers.api import ApiList, Asked
from worker.providers.errors import ApiRefusedError
from worker.providers.paddle.account import address_of, is_askable
from worker.providers.paddle.asking import tls_of
from worker.providers.paddle.connection import FOR_CHECKOUTS, NEEDED
from worker.providers.paddle.error_codes import FORBIDDEN
from worker.providers.paddle.permissions import KEYS, permission_of
from worker.providers.paddle.provider import Paddle

Looking = Callable[[Scene], Iterable[Verdict]]

NO_KEY = "PADDLE_API_KEY is not set: Paddle is not asked"
#: Paddle's ``Date`` has whole seconds.
FEW_SECONDS = 5.0
#: The id of a key stands in it, since 2025-05-06.
KEY_ID = re.compile(r"^pdl_(?:live|sdbx)_(apikey_[a-z\d]{26})_")
#: What events of a key mean, newest first.
ENDED = ("api_key.expired", "api_key.revoked", "api_key_exposure.created")
MOST_EVENTS = 50
#: So many requests at once, so that each asks for two permissions.
ASKERS = 7

_KEY_EVENTS = text("""
SELECT i.event_type, b.body FROM inbox i
JOIN inbox_bodies b ON b.inbox_id = i.id AND b.received_at = i.received_at
WHERE i.provider = :provider AND i.state = 'ignored' AND i.event_type = ANY(:types)
ORDER BY i.occurred_at DESC LIMIT :most
""")


class _Key(msgspec.Struct):
    """What an event tells of a key."""

    id: str = ""
    api_key_id: str = ""
    expires_at: datetime | None = None


class _KeyEvent(msgspec.Struct):
    data: _Key


def _key(scene: Scene) -> Iterable[Verdict]:
    if not is_askable(scene.config):
        words = (
            "PADDLE_API_KEY is not set: buyers whom no event told of are not asked for,"
            " and nothing is compared with Paddle."
        )
        yield look(words, f"set PADDLE_API_KEY ({KEYS})")
        return
    try:
        with scene.asking() as api:
            api.page(Asked(ApiList.EVENTS, most=1))
    except ApiRefusedError as error:
        if error.code != FORBIDDEN:
            words = f"{error}: it is wrong, revoked, or of another environment."
            yield broken(words, f"set PADDLE_API_KEY ({KEYS})")
            return
    yield ok(f"Paddle's {scene.config.paddle_environment} account takes it")


def with_key(seek: Looking) -> Looking:
    """Return a look that is skipped where there is no key to ask with."""

    def looking(scene: Scene) -> Iterable[Verdict]:
        return seek(scene) if is_askable(scene.config) else [skipped(NO_KEY)]

    return looking


def _permissions(scene: Scene) -> Iterable[Verdict]:
    wanted = (*NEEDED, *FOR_CHECKOUTS)
    lacking = lacking_of(scene, wanted)
    named = {permission_of(*request) for request in NEEDED}
    if needed := [one for one in lacking if one in named]:
        words = f"The key lacks {', '.join(needed)}."
        yield broken(words, f"give it these: {KEYS}")
    if checkouts := [one for one in lacking if one not in named]:
        words = f"The key lacks {', '.join(checkouts)}, needed to open checkouts."
        yield look(words, f"give it these, if your shop opens any: {KEYS}")
    if not lacking:
        yield ok(f"may do all that is done ({len(wanted)} tried)")


def lacking_of(scene: Scene, requests: Sequence[tuple[str, str]]) -> list[str]:
    """Return which permissions are lacking; several requests are under way at once.

    Raises:
        PaddlewheelError: The first trouble, where no permission was found lacking.
    """
    lacking: list[str] = []
    failed: list[Exception] = []
    with scene.asking() as api:

        def ask(part: Sequence[tuple[str, str]]) -> None:
            try:
                lacking.extend(api.lacking(part))
            except Exception as error:  # noqa: BLE001 (raised again)
                failed.append(error)

        parts = [requests[start::ASKERS] for start in range(ASKERS)]
        threads = [
            threading.Thread(target=ask, args=(part,), daemon=True) for part in parts
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failed and not lacking:
        raise failed[0]
    return sorted(set(lacking))


def _ends(scene: Scene) -> Iterable[Verdict]:
    key = scene.config.paddle_api_key
    found = KEY_ID.match(key.get_secret_value()) if key else None
    if found is None:
        why = "the key does not bear its id" if key else NO_KEY
        yield skipped(f"{why}, so no event about it can be found")
        return
    told = _told_of(scene, found[1])
    if told is None:
        yield ok("nothing was told of its end; Paddle tells 7 days before")
        return
    event_type, expires_at = told
    command = f"make a new key and set PADDLE_API_KEY ({KEYS})"
    if event_type in ENDED or (expires_at and expires_at < datetime.now(UTC)):
        yield broken(f"Paddle told that the key is over ({event_type}).", command)
        return
    when = f"{expires_at:%Y-%m-%d %H:%M} UTC" if expires_at else "within 7 days"
    yield look(f"The key ends {when}, and its end cannot be moved.", command)


def _told_of(scene: Scene, key_id: str) -> tuple[str, datetime | None] | None:
    types = [*ENDED, "api_key.expiring"]
    with scene.reading() as connection:
        given = {"provider": Paddle.name, "types": types, "most": MOST_EVENTS}
        rows = connection.execute(_KEY_EVENTS, given).all()
    for row in rows:
        try:
            told = msgspec.json.decode(row.body, type=_KeyEvent).data
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        if key_id in {told.id, told.api_key_id}:
            return row.event_type, told.expires_at
    return None


def _clock(scene: Scene) -> Iterable[Verdict]:
    config = scene.config
    address = address_of(config.paddle_environment, config.paddle_api_url)
    if address is None:
        yield skipped("PADDLE_API_URL is not set: there is no Paddle to ask")
        return
    try:
        told = within(Deadline(CALL_SECONDS), lambda: _date_of(address))
    except (httpx.HTTPError, OSError):
        yield skipped("Paddle does not answer: see api key")
        return
    if told is None:
        yield skipped("Paddle does not say what time it is")
        return
    skew = (datetime.now(UTC) - told).total_seconds()
    words = f"This machine's clock is {abs(skew):.0f} s {side_of(skew)} Paddle's"
    command = "timedatectl set-ntp true"
    if abs(skew) > config.paddle_tolerance_seconds:
        yield broken(f"{words}: every delivery is refused.", command)
    elif abs(skew) > FEW_SECONDS:
        yield look(f"{words}.", command)
    else:
        yield ok(f"within {FEW_SECONDS:g} s of Paddle's")


def _date_of(address: str) -> datetime | None:
    # Any answer will do, so the key stays here.
    verify = tls_of(address)
    with httpx.Client(timeout=CALL_SECONDS, trust_env=False, verify=verify) as client:
        given = client.get(f"{address}/event-types").headers.get("date", "")
    try:
        told = parsedate_to_datetime(given)
    except ValueError:
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


CHECKS = (
    Check(
        "api key",
        "Paddle takes `PADDLE_API_KEY`, and it is of this environment.",
        _key,
        mistake=Severity.LOOK,
    ),
    Check(
        "permissions",
        "The key may do what is done with it; each is tried, by a request that changes"
        " nothing whatever the answer.",
        with_key(_permissions),
        needs=("api key",),
        mistake=Severity.LOOK,
    ),
    Check(
        "key's end",
        "No event told that the key expires, expired or was revoked. Paddle's API does"
        " not tell when a key ends.",
        _ends,
        needs=("database", "migrations"),
    ),
    Check(
        "Paddle's clock",
        "This machine's clock goes with Paddle's, within `PADDLE_TOLERANCE_SECONDS` at"
        " the worst.",
        _clock,
        mistake=Severity.LOOK,
    ),
)
