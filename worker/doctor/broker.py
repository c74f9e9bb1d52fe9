"""Checks of the broker: there, and such that it neither drops nor forgets messages.

Rows are the truth, so a lost message costs seconds and no money; but a broker that
evicts or forgets as a matter of course makes everything late.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from amqp.exceptions import AccessRefused, AMQPError, NotAllowed
from kombu import Connection, Queue
from kombu.exceptions import OperationalError
from redis import AuthenticationError, Redis, RedisError

from worker.broker import quorum_queues
from worker.channels.deadline import Deadline, within
from worker.doctor import lines
from worker.doctor.check import Check, Verdict, broken, look, ok, skipped
from worker.doctor.scene import CALL_SECONDS, Scene
from worker.doctor.versions import Version, judged, judged_rabbitmq, version_of
from worker.pulses import QUEUES
from worker.rings import ringing_app
from worker.settings import Settings
from worker.wording import counted

ENTER = "set what it takes in BROKER_URL"
EDIT = "set BROKER_URL to where it runs (make up starts one on this machine)"
#: ``CONFIG SET`` alone is forgotten.
KEEP = "and in its configuration"
#: Of a queue that was declared otherwise.
REFUSED = 406

Info = Mapping[str, Any]


def _broker(scene: Scene) -> Iterable[Verdict]:
    if scene.config.is_amqp:
        yield from _rabbitmq(scene)
        return
    try:
        found = _info(scene)
    except AuthenticationError:
        words = "The broker does not take the password of BROKER_URL."
        yield broken(words, f"{_ping(scene)}; {ENTER}")
        return
    except (RedisError, OSError) as error:
        words = f"The broker does not answer ({type(error).__name__})."
        yield broken(words, f"{_ping(scene)}; {EDIT}")
        return
    yield ok(f"{_title(found)} answers")


def _ping(scene: Scene) -> str:
    return lines.ask_broker(scene.config, "ping")


def _rabbitmq(scene: Scene) -> Iterable[Verdict]:
    try:
        server = _server(scene)
    except AccessRefused:
        words = "The broker does not take user and password of BROKER_URL."
        yield broken(words, f"rabbitmqctl list_users, on its machine; {ENTER}")
        return
    except NotAllowed:
        words = "The broker has no virtual host of BROKER_URL's name for its user."
        yield broken(words, f"rabbitmqctl list_vhosts, on its machine; {ENTER}")
        return
    except (AMQPError, OperationalError, OSError) as error:
        words = f"The broker does not answer ({type(error).__name__})."
        yield broken(words, f"rabbitmq-diagnostics ping, on its machine; {EDIT}")
        return
    yield ok(f"RabbitMQ {server.get('version', '')} answers")


def _server(scene: Scene) -> Info:
    """Return what RabbitMQ says of itself."""
    # Each of its steps has a time-out of its own.
    deadline = Deadline(CALL_SECONDS)
    return scene.once("broker", lambda: within(deadline, lambda: _greeted(scene)))


def _greeted(scene: Scene) -> Info:
    app = ringing_app(scene.config)
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=int(CALL_SECONDS))
            found: Info = connection.connection.server_properties
            return found
    finally:
        app.close()


def _durable(scene: Scene) -> Iterable[Verdict]:
    if scene.config.is_amqp:
        yield from _quorum(scene)
        return
    wrong = list(_forgetful(_info(scene), scene.config))
    yield from wrong or [ok("append-only file on, nothing is evicted")]


def _forgetful(found: Info, config: Settings) -> Iterable[Verdict]:
    def line(*words: str) -> str:
        return lines.ask_broker(config, " ".join(("CONFIG SET", *words)))

    policy = found.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        words = (
            f"maxmemory-policy is {policy}: short of memory the broker throws messages"
            " and queues away."
        )
        yield broken(words, f"{line('maxmemory-policy', 'noeviction')}, {KEEP}")
    if not int(found.get("aof_enabled", 0)):
        words = (
            "appendonly is off: a restart of the broker forgets what waits, and the"
            " sweep has to ring for all of it."
        )
        yield look(words, f"{line('appendonly', 'yes')}, {KEEP}")
    if found.get("aof_last_write_status", "ok") != "ok":
        words = "The broker cannot write its append-only file."
        yield broken(words, "df -h, on its machine, then make room")
    if found.get("role", "master") != "master":
        words = "BROKER_URL leads to a replica, which takes no messages."
        yield broken(words, "set BROKER_URL to the primary")


def _quorum(scene: Scene) -> Iterable[Verdict]:
    app = ringing_app(scene.config)
    try:
        with app.connection_for_write() as connection:
            kinds = [_is_quorum(connection, queue) for queue in quorum_queues()]
            server = connection.connection.server_properties
            confirms = connection.connection.confirm_publish and server.get(
                "capabilities", {}
            ).get("publisher_confirms")
    finally:
        app.close()
    named = dict(zip(QUEUES, kinds, strict=True))
    yield from of_queues(named, confirms=bool(confirms))


def _is_quorum(connection: Connection, queue: Queue) -> bool | None:
    """Declare again what is there: RabbitMQ refuses if it was made otherwise.

    Returns:
        None: There is no such queue.
    """
    # A refusal closes the channel.
    bound = queue(connection.channel())
    try:
        bound.queue_declare(passive=True)
    except connection.channel_errors:
        return None
    try:
        bound.queue_declare()
    except connection.channel_errors as error:
        return getattr(error, "code", None) != REFUSED
    return True


def of_queues(kinds: Mapping[str, bool | None], *, confirms: bool) -> Iterator[Verdict]:
    """Judge RabbitMQ's queues, by name: quorum or not, None: not there."""
    if wrong := [name for name, kind in kinds.items() if kind is False]:
        words = f"No quorum queues: {' and '.join(wrong)}. A restart can lose messages."
        yield look(words, "stop the workers, delete these queues, start again")
    if not confirms:
        words = "The broker confirms nothing: what it drops is rung for by the sweep."
        yield look(words, "move the broker to a newer RabbitMQ")
    if wrong or not confirms:
        return
    there = [name for name, kind in kinds.items() if kind]
    if there:
        yield ok(f"{counted(len(there), 'quorum queue')}, publishing is confirmed")
    else:
        yield skipped("there is no queue yet: the workers make them")


def _version(scene: Scene) -> Iterable[Verdict]:
    if scene.config.is_amqp:
        return judged_rabbitmq(str(_server(scene).get("version", "")))
    return judged(*_kind(_info(scene)))


def _kind(found: Info) -> tuple[str, Version]:
    # Valkey calls itself Redis 7.2.4 too, for old clients.
    kind = "valkey" if "valkey_version" in found else "redis"
    return kind, version_of(str(found.get(f"{kind}_version", "0")))


def _title(found: Info) -> str:
    kind, version = _kind(found)
    return f"{kind.capitalize()} {'.'.join(map(str, version))}"


def _info(scene: Scene) -> Info:
    return scene.once("broker", lambda: _asked(scene))


def _asked(scene: Scene) -> Info:
    client = Redis.from_url(
        scene.config.broker_url,
        socket_timeout=CALL_SECONDS,
        socket_connect_timeout=CALL_SECONDS,
    )
    with client:
        found: Info = client.info()
        return found


CHECKS = (
    Check("broker", "The broker answers and takes the password.", _broker),
    Check(
        "broker keeps",
        "Redis and Valkey: append-only file on, `maxmemory-policy` noeviction, no"
        " replica. RabbitMQ: quorum queues, publishing confirmed.",
        _durable,
        needs=("broker",),
    ),
    Check(
        "broker version",
        "It is new enough, and has no hole that is listed below; RabbitMQ is of a series"
        " that still gets patches.",
        _version,
        needs=("broker",),
    ),
)
