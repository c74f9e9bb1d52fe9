"""``paddlewheel send``: a first event, through the local Paddle, followed to its end."""

import time
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import text

from models.people import normalized
from worker.channels.kept_mail import mark_of
from worker.cli.database import transaction
from worker.cli.output import console
from worker.errors import PaddlewheelError, SettingsError
from worker.flower_links import flower_url
from worker.local_shop import Client
from worker.settings import Environment, Settings, settings

#: How long we watch before we say where to look instead.
FOLLOW_SECONDS = 20.0
POLL_SECONDS = 0.2

group = typer.Typer(help="Send events through the local Paddle.", no_args_is_help=True)


@group.callback()
def _send() -> None:
    # With a callback it stays a group, so that other things can be sent one day.
    return


_ENROLLMENT = text("""
SELECT e.state, e.access_until, n.state AS mail, n.message_id
FROM learner_identities i
JOIN enrollments e ON e.learner_id = i.learner_id AND e.course_key = :course
LEFT JOIN notifications n
  ON n.enrollment_id = e.id AND n.kind = 'welcome' AND n.channel = 'mail'
WHERE i.kind = 'email' AND i.value = :email AND e.version > 0
""")


@group.command()
def purchase(
    course: Annotated[str, typer.Option(help="Key of a course in the catalog.")],
    email: Annotated[str, typer.Option(help="Who buys.")],
    name: Annotated[str, typer.Option(help="The buyer's name.")] = "Ada Lovelace",
) -> None:
    """Buy a course and watch it become access."""
    config = settings()
    receipt = _buy(config, course, email, name)
    out = console()
    out.print(
        f"Bought: transaction {receipt['transaction_id']},"
        f" {len(receipt['events'])} events on their way.",
        markup=False,
        soft_wrap=True,
    )
    state, mail = _follow(config, course, email)
    out.print(f"Access: {state or 'not yet'}", markup=False)
    out.print(f"Mail:   {mail or 'not yet'}", markup=False, soft_wrap=True)
    flower = f"{flower_url(config)}/tasks"
    out.print(f"Flower: {flower}", markup=False, soft_wrap=True)
    if state is None:
        out.print("\nIt takes longer than usual: ./paddlewheel status tells more.")
        raise typer.Exit(1)


@group.command()
def pay(
    transaction_id: Annotated[
        str, typer.Argument(help="Of a checkout that is open, as its address ends.")
    ],
    *,
    email: Annotated[
        str | None, typer.Option(help="Who pays, where the checkout does not say it.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The buyer's name.")] = None,
    country: Annotated[str | None, typer.Option(help="Where the buyer lives.")] = None,
) -> None:
    """Pay an open checkout, as its buyer does on the payment page."""
    with _shop(settings()) as shop:
        receipt = shop.pay(transaction_id, email=email, name=name, country=country)
    console().print(
        f"Paid: {len(receipt['events'])} events on their way. What comes of it:"
        f" ./paddlewheel explain {transaction_id}",
        markup=False,
        soft_wrap=True,
    )


def _buy(config: Settings, course: str, email: str, name: str) -> dict[str, list[str]]:
    with _shop(config) as shop:
        return shop.purchase(email, course=course, name=name)


def _shop(config: Settings) -> Client:
    if config.paddle_environment is not Environment.LOCAL:
        raise SettingsError("send works only with PADDLE_ENVIRONMENT=local.")
    if not config.paddle_api_url or config.paddle_api_key is None:
        raise SettingsError("Nothing runs here yet: `make up` in another terminal.")
    return Client(config.paddle_api_url, config.paddle_api_key.get_secret_value())


def _follow(
    config: Settings, course: str, email: str
) -> tuple[str | None, Path | None]:
    state: str | None = None
    end = time.monotonic() + FOLLOW_SECONDS
    parameters = {"course": course, "email": normalized(email)}
    with console().status("Waiting for access and mail …"):
        while time.monotonic() < end:
            with transaction() as connection:
                row = connection.execute(_ENROLLMENT, parameters).first()
            state = row.state if row else None
            if row and row.mail == "sent":
                return state, _mail(config, row.message_id)
            if row and row.mail in {"failed", "doubtful", "skipped"}:
                raise PaddlewheelError(f"The mail is {row.mail}: ./paddlewheel status")
            time.sleep(POLL_SECONDS)
    return state, None


def _mail(config: Settings, message_id: str) -> Path | None:
    found = sorted((config.state_dir / "mail").glob(f"*-{mark_of(message_id)}.eml"))
    return found[0] if found else None
