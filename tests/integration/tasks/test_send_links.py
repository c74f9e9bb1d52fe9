"""Messages with an address that only the provider knows, asked for as they go out."""

from collections.abc import Callable
from email import message_from_bytes
from email.policy import default

from sqlalchemy import Engine, text

from tests.fixtures.answering import KEY, Answering, reply
from tests.fixtures.mail_server import MailServer, content_of
from tests.integration.tasks.conftest import Desk
from tests.notices import BUYER, purchase, tell
from worker.settings import Settings

INVOICE = "https://example.com/invoices/325-10566.pdf"
CONFIRMATION = "SELECT id FROM notifications WHERE kind = 'order_confirmation'"


def order(desk: Desk) -> int:
    """Add the confirmation of an order, which is due."""
    tell(desk.engine, BUYER, purchase())
    desk.set("state = 'skipped'", "kind = 'welcome'")
    with desk.engine.connect() as connection:
        return int(connection.execute(text(CONFIRMATION)).scalar_one())


def test_an_order_is_confirmed_with_its_invoice(
    core: Engine,
    desk: Desk,
    mail_server: MailServer,
    answering: Answering,
    settings_of_tasks: Callable[..., Settings],
) -> None:
    desk.config = settings_of_tasks(
        smtp_url=mail_server.url,
        notify_on="order_confirmation",
        paddle_api_key=KEY,
        paddle_api_url=answering.url,
        # Nothing hangs here: a busy machine may take its time.
        soft_limit_seconds=15,
        hard_limit_seconds=20,
        lease_seconds=30,
    )
    row_id = order(desk)
    answering.answer = lambda request: reply(request, 503)
    assert desk.work().put_off == 1
    # The provider's outage is none of the mail's: it is never counted out.
    assert (desk.row(row_id).state, desk.row(row_id).failures) == ("pending", 0)

    answering.answer = lambda request: reply(request, 200, {"data": {"url": INVOICE}})
    assert desk.work_when_due().sentence() == "1 sent"
    [mail] = mail_server.mails
    plain = message_from_bytes(content_of(mail), policy=default).get_body(("plain",))
    assert plain is not None
    assert INVOICE in plain.get_content()


def test_without_a_key_what_only_the_provider_knows_is_waited_for(
    core: Engine,
    desk: Desk,
    mail_server: MailServer,
    settings_of_tasks: Callable[..., Settings],
) -> None:
    desk.config = settings_of_tasks(
        smtp_url=mail_server.url, notify_on="order_confirmation"
    )
    row_id = order(desk)
    assert desk.work().put_off == 1
    assert desk.row(row_id).last_error == (
        "ApiRefusedError: there is no key for the provider's API"
    )
    assert mail_server.mails == []
