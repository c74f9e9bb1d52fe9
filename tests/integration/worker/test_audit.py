"""What a person did by hand is on record, with the deed or not at all."""

import getpass
import os

import pytest
from sqlalchemy import Engine

from tests.factories import one, rows
from worker.audit import actor, audit

ACTIONS = "SELECT actor, action, target, detail FROM operator_actions ORDER BY id"


def test_who_did_what_to_what_is_kept(engine: Engine) -> None:
    with engine.begin() as connection:
        audit(connection, "alert acked", "dead_letters:x", {"note": "on it"})
        audit(connection, "dead letter discarded", "inbox:3")

    assert rows(engine, ACTIONS) == [
        (actor(), "alert acked", "dead_letters:x", {"note": "on it"}),
        (actor(), "dead letter discarded", "inbox:3", None),
    ]
    assert one(engine, "SELECT count(*) FROM operator_actions WHERE detail IS NULL")


def test_a_deed_that_is_rolled_back_leaves_no_record(engine: Engine) -> None:
    with engine.connect() as connection:
        audit(connection, "alert acked", "dead_letters:x")
        connection.rollback()

    assert rows(engine, ACTIONS) == []


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr(getpass, "getuser", nobody)

    assert actor() == f"uid {os.getuid()}"
