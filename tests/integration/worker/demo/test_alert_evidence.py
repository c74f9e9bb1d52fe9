"""What the verdict holds against each other: rows as they leave, and what arrived."""

import json
from pathlib import Path

from sqlalchemy import Engine

from tests.alerts import add_alert, add_message
from worker.demo.alert_evidence import (
    alert_rows_of,
    heard_in,
    is_told,
    open_alerts_of,
)


def test_a_message_is_read_as_it_leaves_the_house(core: Engine) -> None:
    with core.begin() as connection:
        alert = add_alert(connection, kind="dead_letters", subject="x")
        add_message(
            connection, alert_id=alert, key="k", title="@all", body="What to do\n"
        )
        found = alert_rows_of(connection)
        still_open = open_alerts_of(connection, besides="missed_events")

    (message,) = found["alert_messages"]
    assert message["text"] == ("@\N{WORD JOINER}all", "What to do")
    assert (message["key"], message["alert_id"]) == ("k", alert)
    (row,) = found["alerts"]
    assert (row["fingerprint"], row["state"]) == ("dead_letters:x", "open")
    assert still_open == 1


def test_what_is_rightly_open_is_told_and_not_waited_for(core: Engine) -> None:
    with core.begin() as connection:
        add_alert(connection, kind="missed_events", told_severity=None)
        assert not is_told(connection, "missed_events")
        add_alert(connection, kind="missed_events")
        assert is_told(connection, "missed_events")
        assert open_alerts_of(connection, besides="missed_events") == 0


def test_what_arrived_is_read_from_the_sink_s_file(tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl"
    assert heard_in(file) == []
    line = {"title": "OVER: x", "message": "It is over.", "type": "success"}
    file.write_text(f"{json.dumps(line)}\n" * 2)
    assert heard_in(file) == [("OVER: x", "It is over.")] * 2
