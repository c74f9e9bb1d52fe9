"""On record: what a person did by hand, and who it was."""

import getpass
import os
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert

from models.tables.operations import OperatorAction


def audit(
    connection: Connection,
    action: str,
    target: str,
    detail: dict[str, Any] | None = None,
) -> int:
    """Add a row to ``operator_actions``, in the transaction of the deed itself.

    Args:
        connection: Where the deed is done: both are committed or neither.
        action: What was done, in the past tense: ``alert acked``.
        target: To what.
        detail: What else is to be known, as JSON can hold it; no personal data.

    Returns:
        The number of the action.
    """
    values: dict[str, Any] = {"actor": actor(), "action": action, "target": target}
    if detail is not None:
        values["detail"] = detail
    added = insert(OperatorAction).returning(OperatorAction.id)
    return connection.execute(added, [values]).scalar_one()


def audit_all(
    connection: Connection, action: str, details: Mapping[str, dict[str, Any]]
) -> None:
    """Add a row for each of many targets, with what else is to be known of it."""
    who = actor()
    rows = [
        {"actor": who, "action": action, "target": target, "detail": detail}
        for target, detail in details.items()
    ]
    if rows:
        connection.execute(insert(OperatorAction), rows)


def actor() -> str:
    """Return the name of who runs this process; its number where it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user may stand in no list of users.
        return f"uid {os.getuid()}"
