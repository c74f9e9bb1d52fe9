"""``paddlewheel checkout``: opens checkouts, as a shop does."""

from typing import Annotated

import typer
from rich.text import Text

from worker.checkouts.create import create as create_checkout
from worker.checkouts.wish import CheckoutError, CheckoutWaitsError, wish_of
from worker.cli.database import database
from worker.cli.output import console, print_json, shown
from worker.errors import PaddlewheelError
from worker.providers.errors import ApiError
from worker.settings import settings

group = typer.Typer(help="Open checkouts.", no_args_is_help=True)


@group.callback()
def _checkout() -> None:
    # With a callback it stays a group of commands, even of a single one.
    pass


@group.command()
def create(  # noqa: PLR0913 (each is an option)
    *,
    price: Annotated[
        list[str], typer.Option(help="Id of a price; PRICE=3 for three of it.")
    ],
    learner: Annotated[str, typer.Option(help="The user's id in your shop.")],
    reference: Annotated[str, typer.Option(help="Your own name of this checkout.")],
    email: Annotated[str | None, typer.Option(help="Of the buyer.")] = None,
    return_url: Annotated[
        str | None, typer.Option(help="Your page that opens the checkout.")
    ] = None,
    discount: Annotated[str | None, typer.Option(help="A discount code.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Open a checkout at the provider and print where it can be paid."""
    rest = {"email": email, "return_url": return_url, "discount_code": discount}
    wish = wish_of([_priced(one) for one in price], learner, reference, **rest)
    with database() as engine:
        try:
            opened = create_checkout(engine, settings(), wish)
        except (CheckoutError, CheckoutWaitsError) as error:
            said = f"{error}{_aside(error.__cause__)} The buyer is told: {error.buyer}"
            raise PaddlewheelError(said) from None
    if as_json:
        print_json({"transaction_id": opened.transaction_id, "url": opened.url})
    else:
        console().print(Text(shown(opened.url)), soft_wrap=True)


def _aside(cause: BaseException | None) -> str:
    """Return what the provider said: only here, because rows and logs keep the rest."""
    detail = cause.detail if isinstance(cause, ApiError) else ""
    return f" The provider says: {detail}" if detail else ""


def _priced(given: str) -> tuple[str, int]:
    price, _, number = given.partition("=")
    try:
        return price, int(number or 1)
    except ValueError:
        raise PaddlewheelError(f"{given} is no price with a quantity.") from None
