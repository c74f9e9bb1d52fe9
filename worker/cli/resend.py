"""``paddlewheel notifications resend``: once more, by a person's decision."""

from typing import Annotated

import typer

from worker.cli.database import transaction
from worker.cli.letter_kinds import Yes
from worker.cli.output import console
from worker.errors import PaddlewheelError
from worker.notices.resending import resend
from worker.rings import publish_ring, ringing_app
from worker.settings import settings
from worker.wording import counted
from worker.work_tables import NOTIFICATIONS


def resend_notices(
    messages: Annotated[list[int], typer.Argument(help="Numbers, as listed.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; it is kept on record.")],
    yes: Yes = False,
) -> None:
    """Send doubtful or failed messages again; who has heard may hear it twice."""
    if not reason.strip():
        raise PaddlewheelError("Give a reason; it is kept on record.")
    config = settings()
    if not yes:
        _agree(len(set(messages)))
    with transaction() as connection:
        resent = resend(connection, messages, reason.strip(), config)
    publish_ring(ringing_app(config), NOTIFICATIONS.task, resent)
    console().print(
        f"{counted(len(resent), 'message')} pending again, with the same Message-ID:"
        " `./paddlewheel notifications list`.",
        soft_wrap=True,
    )


def _agree(count: int) -> None:
    what = f"send {counted(count, 'message')} again"
    if not typer.get_text_stream("stdin").isatty():
        raise PaddlewheelError(f"This would {what}: add --yes if that is meant.")
    typer.confirm(
        f"{what.capitalize()}? A doubtful one may be heard twice.", abort=True
    )
