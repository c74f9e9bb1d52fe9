"""Judges the day's alerts: each opened once, told once, and over if it can be. Pure."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from models.alerts import AlertState, MessageKind, MessageState
from worker.demo.evidence import Evidence

#: The trouble that belongs to the season: what the operator ends, and what is rightly
#: so until an hour after the last event that had to be fetched.
ENDED, STILL_OPEN = "dead_letters", "missed_events"
#: The first way out is closed, so that the second has to stand in.
OPEN_WAY = "2 (json)"


def alert_problems(evidence: Evidence) -> list[str]:
    """Return a sentence for each thing that is wrong with alerts and messages."""
    kinds = {alert["kind"] for alert in evidence.alerts}
    expected = (ENDED, STILL_OPEN)
    problems = [f"no alert of {kind}" for kind in expected if kind not in kinds]
    for alert in evidence.alerts:
        about = f"alert {alert['id']} ({alert['fingerprint']})"
        problems += [f"{about} {words}" for words in _of_alert(alert, evidence)]
    for message in evidence.alert_messages:
        problems += [f"{message['key']} {words}" for words in _of_message(message)]
    return [*problems, *_of_arrival(evidence)]


def _of_alert(alert: dict[str, Any], evidence: Evidence) -> Iterator[str]:
    if alert["kind"] not in (ENDED, STILL_OPEN):
        yield "is a false alarm"
    if alert["flaps"]:
        yield "had been over and came back"
    told = Counter(
        message["kind"]
        for message in evidence.alert_messages
        if message["alert_id"] == alert["id"]
    )
    is_open = alert["kind"] == STILL_OPEN
    state = AlertState.OPEN if is_open else AlertState.RESOLVED
    if alert["state"] != state:
        yield f"is {alert['state']}, not {state}"
    expected = [MessageKind.OPENED, *([] if is_open else [MessageKind.RESOLVED])]
    for kind in expected:
        if told[kind] != 1:
            yield f"was told as {kind} {told[kind]} times, not once"


def _of_message(message: dict[str, Any]) -> Iterator[str]:
    if message["state"] != MessageState.SENT:
        yield f"is {message['state']}, not sent"
    elif message["way"] != OPEN_WAY:
        way = f"way {message['way']}" if message["way"] else "no way"
        yield f"went out by {way}, not by {OPEN_WAY}"


def _of_arrival(evidence: Evidence) -> Iterator[str]:
    """Hold what arrived against what was sent, text for text."""
    sent = {
        message["text"]: message["key"]
        for message in evidence.alert_messages
        if message["state"] == MessageState.SENT
    }
    arrived = Counter(evidence.heard)
    for words, key in sent.items():
        if not arrived[words]:
            yield f"{key} was sent and did not arrive"
    for words, count in arrived.items():
        if words not in sent:
            yield f"“{words[0]}” arrived and was not sent"
        elif count > 1:
            yield f"{sent[words]} arrived {count} times"
