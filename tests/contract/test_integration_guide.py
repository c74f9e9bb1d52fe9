"""What docs/integrate.md tells a course platform to type is run here, as it stands."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import Engine, text
from standardwebhooks import Webhook

from models.outgoing import DeliveryKind
from worker.channels.platform_hook import News, moment_news_of, news_of, signed
from worker.learner_token import ENVIRONMENTS, UserClaim, check, sign
from worker.payment_status import PaymentState
from worker.servers.postgres import Postgres
from worker.settings import ROOT

GUIDE = (ROOT / "docs" / "integrate.md").read_text()
SECRET = "whsec_cGxheWluZyB0aGUgY291cnNlIHBsYXRmb3Jt"
NOW = datetime(2026, 11, 21, 4, 32, 16, 608518, tzinfo=UTC)
ROW = {
    "learner_ref": "lrn_1",
    "email": "zoë@example.com",
    "course_key": "python-basics",
    "has_access": True,
    "state": "active",
    "reason": "purchased",
    "access_until": None,
    "version": 3,
    "changed_at": NOW,
    "seats": 1,
}
#: A checkout, as the hooks of payments have it; some of its columns.
PAYMENT = {"transaction_id": "txn_1", "reference": "order-17", "state": "failed"}
PAID = {**PAYMENT, "state": "completed"}
#: How each language is run on the guide's functions: hooks come in as JSON, and what
#: the consumer knows after them goes out.
CONSUMERS = {
    "python": (
        [sys.executable, "-c"],
        """
import sys
access, payments, believed = {}, {}, []
for one in json.load(sys.stdin):
    event = event_of(one["body"].encode(), one["headers"], one["secret"])
    believed.append(event is not None)
    if event:
        apply(event, access, payments)
print(json.dumps([believed, access, payments]))
""",
    ),
    "js": (
        ["node", "-e"],
        """
const access = {}, payments = {}, believed = [];
for (const one of JSON.parse(require("node:fs").readFileSync(0))) {
  const event = eventOf(Buffer.from(one.body), one.headers, one.secret);
  believed.push(event !== null);
  if (event) apply(event, access, payments);
}
console.log(JSON.stringify([believed, access, payments]));
""",
    ),
    "php": (
        ["php", "-r"],
        """
$access = $payments = $believed = [];
foreach (json_decode(stream_get_contents(STDIN), true) as $one) {
    $event = event_of($one['body'], $one['headers'], $one['secret']);
    $believed[] = $event !== null;
    if ($event) apply($event, $access, $payments);
}
echo json_encode([$believed, (object) $access, (object) $payments]);
""",
    ),
}
TOKENS = GUIDE.partition("\n## Sign who buys")[2].partition("\n## ")[0]
TOKEN_SECRET = "paddlewheel-test-vectors-secret-1"
#: How each language is run on the guide's function, and how its result is printed. The
#: arguments come as JSON: user id, environment, expiry, secret.
TOKEN_PROGRAMS = {
    "python": (
        ["-c"],
        "import json, sys\nprint(learner_token(*json.loads(sys.argv[1])))",
        sys.executable,
    ),
    "js": (
        ["-e"],
        "console.log(learnerToken(...JSON.parse(process.argv[1])));",
        "node",
    ),
    "php": (["-r"], "echo learner_token(...json_decode($argv[1]));", "php"),
}


def block(language: str, number: int = 0, chapter: str = GUIDE) -> str:
    """A block of code from the guide, or from one chapter of it."""
    blocks: list[str] = re.findall(
        rf"^```{language}\n(.*?)^```", chapter, re.MULTILINE | re.DOTALL
    )
    return blocks[number]


def news(**changes: Any) -> News:
    """One version of an enrollment, as we tell it."""
    return news_of({**ROW, **changes}, (17, NOW))


def payment_news(kind: DeliveryKind, data: dict[str, Any]) -> News:
    """News of a checkout, as we tell it."""
    return moment_news_of(kind, ("paddle", "txn_1"), NOW, data)


def unknown() -> News:
    """News of a type that is not there yet."""
    told = news()
    return replace(told, body=told.body.replace("enrollment.changed", "course.renamed"))


def request_of(told: News) -> dict[str, Any]:
    """The request that tells it."""
    headers = signed(Webhook(SECRET), told)
    return {"body": told.body, "headers": headers, "secret": SECRET}


def consume(language: str, *requests: dict[str, Any]) -> Any:
    """What the guide's consumer believes, and what it knows afterwards."""
    program, main = CONSUMERS[language]
    if shutil.which(program[0]) is None:
        pytest.skip(f"{program[0]} is not here")
    ended = subprocess.run(
        [*program, block(language) + main],
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ended.stdout)


@pytest.mark.parametrize("language", CONSUMERS)
def test_the_guides_consumer_takes_over_what_we_send(language: str) -> None:
    failed, completed = DeliveryKind.PAYMENT, DeliveryKind.ORDER
    told = [
        payment_news(failed, PAYMENT),
        news(version=4, has_access=False),
        # Each of these comes late, or once more.
        news(),
        payment_news(completed, PAID),
        payment_news(completed, PAID),
        payment_news(failed, PAYMENT),
        unknown(),
    ]
    believed, access, payments = consume(language, *map(request_of, told))
    newest = {**ROW, "version": 4, "has_access": False}
    newest["changed_at"] = "2026-11-21T04:32:16.608518Z"
    assert believed == [True] * len(told)
    assert access == {"lrn_1": {"python-basics": newest}}
    assert payments == {"txn_1": PAID}


def forged() -> dict[str, dict[str, Any]]:
    """Requests that are not to be believed, by what is wrong with them."""
    told = news()
    sent_at = datetime.now(UTC) - timedelta(minutes=6)
    old = {
        **signed(Webhook(SECRET), told),
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(told.webhook_id, sent_at, told.body),
    }
    genuine = request_of(told)
    return {
        "changed": {**genuine, "body": told.body.replace("basics", "in-depth")},
        "old": {**genuine, "headers": old},
    }


@pytest.mark.parametrize("language", CONSUMERS)
def test_the_guides_consumer_refuses_what_is_changed_or_old(language: str) -> None:
    believed, access, payments = consume(language, *forged().values())
    assert (believed, access, payments) == ([False, False], {}, {})


@pytest.mark.parametrize("language", CONSUMERS)
def test_the_guides_consumer_finds_its_signature_among_several(language: str) -> None:
    request = request_of(news())
    headers = request["headers"]
    headers["webhook-signature"] = f"v1,bm9uZQ== {headers['webhook-signature']}"
    assert consume(language, request)[0] == [True]


def test_the_guides_example_has_the_fields_that_are_sent() -> None:
    example = json.loads(block("json"))
    told = json.loads(news().body)
    assert example.keys() == told.keys()
    assert list(example["data"]) == list(told["data"])


def test_the_guide_tells_every_type() -> None:
    table = GUIDE.partition("| `type` | Told |")[2].partition("\n\n")[0]
    told = re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE)
    assert told == list(DeliveryKind)


@pytest.mark.parametrize("view", ["course_access", "payment_status"])
def test_the_guide_tells_every_column_of_the_view(engine: Engine, view: str) -> None:
    with engine.connect() as connection:
        columns = list(connection.execute(text(f"SELECT * FROM {view}")).keys())
    section = next(s for s in GUIDE.split("\n## ") if f"`{view}`" in s.splitlines()[0])
    table = section.partition("| Column |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == columns


def test_the_guide_tells_every_state_of_a_payment() -> None:
    table = GUIDE.partition("| State | Means | Show |")[2].partition("\n\n")[0]
    told = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert told == list(PaymentState)


@pytest.fixture
def platform(engine: Engine, postgres: Postgres) -> Iterator[psycopg.Connection]:
    """A connection of the role that the guide makes, in the migrated database."""
    address = urlsplit(engine.url.render_as_string(hide_password=False))
    with engine.begin() as connection:
        connection.execute(text("DROP ROLE IF EXISTS course_platform"))
        connection.exec_driver_sql(block("sql"))
    try:
        with psycopg.connect(
            host=address.hostname,
            port=address.port,
            dbname=address.path.removeprefix("/"),
            user="course_platform",
            password="choose-one",
            autocommit=True,
        ) as connected:
            yield connected
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP OWNED BY course_platform"))
            connection.execute(text("DROP ROLE course_platform"))


def enroll(engine: Engine) -> None:
    """Give somebody access, by the rows alone."""
    with engine.begin() as connection:
        connection.exec_driver_sql("""
            INSERT INTO courses (key, kind, title)
            VALUES ('python-basics', 'course', 'Python basics') ON CONFLICT DO NOTHING;
            INSERT INTO learners (email) VALUES ('Ada@Example.com');
            INSERT INTO enrollments (learner_id, course_key, state, reason, version)
            SELECT id, 'python-basics', 'active', 'purchased', 1 FROM learners;
        """)


def test_the_platforms_role_can_read_the_view(
    engine: Engine, platform: psycopg.Connection
) -> None:
    enroll(engine)
    assert platform.execute(block("sql", 1)).fetchall() == [(True, None)]


def test_the_platforms_role_finds_a_checkout_with_its_owner(
    engine: Engine, platform: psycopg.Connection
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("""
            INSERT INTO transactions (provider, id, status, origin, reference, user_id,
                                      currency, total_minor, opened_at)
            SELECT 'paddle', 'txn_' || owner, 'ready', 'web', 'order-4711', owner,
                   'EUR', 4900, now()
            FROM unnest(ARRAY['user-42', 'user-43']) AS owner
        """)
    query = block("sql", 3)
    shown = platform.execute(query).fetchall()
    assert shown == [("pending", None, "EUR", 4900)]
    assert platform.execute(query.replace("user-42", "user-44")).fetchall() == []


def test_the_platforms_role_finds_the_checkout_that_it_had_opened(
    engine: Engine, platform: psycopg.Connection
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("""
            INSERT INTO checkouts (provider, reference, owner, wanted, state,
                                   checkout_url)
            VALUES ('paddle', 'order-17', 'user-42', '{}', 'opened', 'https://…')
        """)
    query = block("sql", 4)
    assert platform.execute(query).fetchall() == [("opened", "https://…", None, None)]
    assert platform.execute(query.replace("user-42", "user-43")).fetchall() == []


def test_the_platforms_role_can_read_nothing_else(
    engine: Engine, platform: psycopg.Connection
) -> None:
    with engine.connect() as connection:
        relations = connection.execute(
            text(
                "SELECT quote_ident(relname) FROM pg_class WHERE relkind IN"
                " ('r', 'p', 'v', 'm', 'S', 'f')"
                " AND relnamespace = 'public'::regnamespace"
            )
        ).scalars()
        names = set(relations)
    readable = {name for name in names if is_readable(platform, name)}
    assert len(names) > 20
    assert readable == {"course_access", "payment_status", "opened_checkouts"}


def is_readable(connection: psycopg.Connection, relation: str) -> bool:
    """Whether a relation can be read."""
    try:
        connection.execute(f"SELECT * FROM {relation} LIMIT 1")
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE course_access SET has_access = true",
        "DELETE FROM enrollments",
        "CREATE TABLE mine (id int)",
        "SELECT ensure_inbox_partitions(24)",
    ],
)
def test_the_platforms_role_can_change_nothing(
    platform: psycopg.Connection, statement: str
) -> None:
    # Also when it takes off the brake that is only there against mistakes.
    platform.execute("SET default_transaction_read_only = off")
    with pytest.raises(psycopg.Error):
        platform.execute(statement)


def test_the_guides_upsert_ignores_versions_it_has_passed(engine: Engine) -> None:
    upsert = text(block("sql", 2))
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TEMP TABLE my_access (learner_ref text, course_key text,"
            " has_access boolean, access_until timestamptz, version bigint,"
            " PRIMARY KEY (learner_ref, course_key))"
        )
        for version, has_access in ((2, False), (1, True), (2, False)):
            told = {**ROW, "version": version, "has_access": has_access}
            connection.execute(upsert, told)
        known = connection.execute(text("SELECT version, has_access FROM my_access"))
        assert known.all() == [(2, False)]
        connection.rollback()


def vectors() -> list[tuple[str, str, int, str]]:
    """User id, environment, expiry and token of each of the guide's vectors."""
    found = re.findall(r"^(\S+), (\w+), (\d+)\n(plw1\.\S+)$", GUIDE, re.MULTILINE)
    return [
        (user, environment, int(expiry), token)
        for user, environment, expiry, token in found
    ]


def test_the_guides_vectors_are_what_we_sign_and_believe() -> None:
    for user, environment, expiry, token in vectors():
        begun = datetime.fromtimestamp(expiry, UTC) - timedelta(seconds=1)
        second = timedelta(seconds=1)
        assert sign(user, environment, TOKEN_SECRET, second, begun) == token
        claim = check(token, environment, [TOKEN_SECRET], begun, unsigned_allowed=False)
        assert claim == UserClaim(user_id=user)
    assert {environment for _, environment, _, _ in vectors()} == set(ENVIRONMENTS)


@pytest.mark.parametrize("language", TOKEN_PROGRAMS)
def test_the_guides_shops_sign_as_we_do(language: str) -> None:
    options, call, program = TOKEN_PROGRAMS[language]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not here, so nothing signs in {language}")
    code = f"{block(language, -1, TOKENS)}\n{call}"
    for user, environment, expiry, token in vectors():
        given = json.dumps([user, environment, expiry, TOKEN_SECRET])
        ended = subprocess.run(
            [program, *options, code, given], capture_output=True, text=True, check=True
        )
        assert ended.stdout.strip() == token


def test_the_guide_is_where_the_code_says() -> None:
    sources = (ROOT / "worker" / "channels" / "platform_sink.py", ROOT / "README.md")
    assert all("docs/integrate.md" in Path(file).read_text() for file in sources)
