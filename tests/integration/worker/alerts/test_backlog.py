"""Probes of what waits."""

import pytest
from sqlalchemy import Engine, text

from tests import outgoing
from worker.alerts import backlog
from worker.alerts.backlog import Part
from worker.work_tables import NOTIFICATIONS


@pytest.mark.parametrize("part", list(Part))
def test_rows_of_a_newer_release_are_neither_counted_nor_asked_about(
    core: Engine, part: Part
) -> None:
    with core.begin() as connection:
        for _ in range(3):
            outgoing.add_notification(connection, last_error="KeyError: at x")
        newer = text(
            "UPDATE notifications SET schema_version = 99"
            " WHERE id > (SELECT min(id) FROM notifications)"
        )
        connection.execute(newer)
    with core.connect() as connection:
        assert backlog.count(connection, NOTIFICATIONS, part) == 1
        assert backlog.stakes(connection, NOTIFICATIONS, part).learners == 1
