"""Mails through one worker process, beside a plain loop of smtplib to the same server.

The whole way of ``notifications.send``: claim, look whether it is still true, render,
note that it goes out, send, note that it went. The loop does none of that.
"""

import json
from collections.abc import Callable
from statistics import median
from typing import Any

from bench.arena import Arena, BenchError
from bench.backlog import FRESH
from bench.clock import await_end, hold, release
from bench.drain import ring, working
from worker.work_tables import NOTIFICATIONS

MAILS = 20_000
RUNS = 3
QUEUE = "notify"
_PEOPLE = """
WITH course AS (
  INSERT INTO courses (key, kind, title) VALUES ('bench', 'course', 'Course')
  RETURNING key
), people AS (
  INSERT INTO learners (email, name)
  SELECT 'learner' || n || '@example.com', 'Learner ' || n
  FROM generate_series(1, %s) AS n RETURNING id
), given AS (
  INSERT INTO enrollments (learner_id, course_key, state, reason, version)
  SELECT people.id, course.key, 'active', 'purchased', 1 FROM people, course
  RETURNING id, learner_id
)
INSERT INTO notifications (key, kind, learner_id, enrollment_id, rung_until)
SELECT 'welcome:' || id, 'welcome', learner_id, id, now() + interval '1 h' FROM given
"""
_DONE = "SELECT NOT EXISTS (SELECT FROM notifications WHERE finished_at IS NULL)"
_SENT = "SELECT count(*) FROM notifications WHERE state = 'sent'"


def measure_mails(
    arena: Arena, say: Callable[[str], None], mails: int = MAILS
) -> dict[str, Any]:
    """Measure both, one after the other, as often as there are runs."""
    ours, loop = [], []
    for run in range(RUNS):
        say(f"mails: the plain loop, {run + 1} of {RUNS}")
        loop.append(_loop(arena, mails))
        say(f"mails: paddlewheel, {run + 1} of {RUNS}")
        ours.append(_drain(arena, mails))
    ratios = [mine / plain for mine, plain in zip(ours, loop, strict=True)]
    return {
        "mails": mails,
        "per_second": [round(rate) for rate in ours],
        "loop_per_second": [round(rate) for rate in loop],
        "ratios": [round(ratio, 2) for ratio in ratios],
        "ratio": round(median(ratios), 2),
    }


def _loop(arena: Arena, mails: int) -> float:
    """Return how many mails a second the loop sends."""

    def send(port: int) -> float:
        command = ("bench.mail_loop", str(port), str(mails))
        with arena.running("mail-loop", command, arena.environment(FRESH)) as child:
            child.popen.wait()
            return mails / float(child.log)

    return _counted(arena, mails, send)


def _drain(arena: Arena, mails: int) -> float:
    """Return how many mails a second one worker process sends."""
    name = "mails"
    arena.clone(name, FRESH)
    with arena.connect(name) as connection:
        connection.execute(_PEOPLE, [mails])
        connection.execute("VACUUM (ANALYZE)")

    def send(port: int) -> float:
        ring(arena, name, NOTIFICATIONS.task, range(1, mails + 1))
        hold(arena, QUEUE)
        url = f"smtp://127.0.0.1:{port}"
        with working(arena, name, {QUEUE: 1}, smtp_url=url):
            began = release(arena, QUEUE)
            return mails / (await_end(arena, name, _DONE) - began)

    rate = _counted(arena, mails, send)
    with arena.connect(name) as connection:
        row = connection.execute(_SENT).fetchone()
    if row != (mails,):
        raise BenchError(f"of {mails} mails were sent: {row}")
    return rate


def _counted(arena: Arena, mails: int, send: Callable[[int], float]) -> float:
    """Send to a server of its own, which must have had each mail once."""
    env = arena.environment(FRESH)
    with arena.running("mail-counter", ("bench.mail_counter",), env) as server:
        server.await_log("port")
        rate = send(int(server.log.split()[1]))
    told = json.loads(server.log.splitlines()[-1])
    if told != {"mails": mails, "distinct": mails}:
        raise BenchError(f"the server had {told} of {mails} mails")
    return rate
