"""``paddlewheel notifications suppressions``: addresses to which nothing is sent."""

from typing import Annotated, Any

import typer
from sqlalchemy import Connection, Row, text

from models.notices import ChannelName
from models.people import normalized
from worker.audit import audit
from worker.cli.database import transaction
from worker.cli.output import console, print_json, print_table
from worker.errors import PaddlewheelError
from worker.notices.masking import masked
from worker.notices.suppressing import lift as lift_address

MOST_LISTED = 200
group = typer.Typer(help="Addresses that take no messages.", no_args_is_help=True)

_LIST = text("""
SELECT channel, address, reason, notification_id, suppressed_at FROM suppressions
ORDER BY suppressed_at DESC, channel, address LIMIT :most
""")
_ONE = text("""
SELECT * FROM suppressions WHERE channel = :channel AND address = :address FOR UPDATE
""")


@group.command("list")
def list_suppressions(
    *,
    personal: Annotated[
        bool, typer.Option("--personal", help="With the whole addresses.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List addresses that were refused for good, newest first."""
    with transaction() as connection:
        found = connection.execute(_LIST, {"most": MOST_LISTED}).mappings().all()
    rows = [dict(row) for row in found]
    if not personal:
        for row in rows:
            row["address"] = masked(row["address"])
    if as_json:
        print_json(rows)
        return
    print_table(
        "Suppressed" if rows else "No address is suppressed",
        ("address", "reason", "message", "since"),
        [
            (
                f"{row['address']}\n{row['channel']}",
                row["reason"],
                row["notification_id"],
                row["suppressed_at"],
            )
            for row in rows
        ],
    )


@group.command()
def lift(
    address: Annotated[str, typer.Argument(help="Mail address or WhatsApp number.")],
) -> None:
    """Send to an address again: from the next message on."""
    with transaction() as connection:
        lifted = [one for one in ChannelName if _lift(connection, one, address)]
    if not lifted:
        raise PaddlewheelError("That address is not suppressed.")
    console().print(
        f"Lifted for {' and '.join(lifted)}. What failed meanwhile goes out with"
        " `./paddlewheel notifications resend`.",
        soft_wrap=True,
    )


def _lift(connection: Connection, channel: ChannelName, address: str) -> bool:
    place = {"channel": channel, "address": normalized(address)}
    row: Row[Any] | None = connection.execute(_ONE, place).one_or_none()
    if row is None:
        return False
    lift_address(connection, channel, address)
    since = row.suppressed_at.isoformat()
    detail = {"reason": row.reason, "message": row.notification_id, "since": since}
    audit(connection, "suppression lifted", f"{channel} {masked(row.address)}", detail)
    return True
