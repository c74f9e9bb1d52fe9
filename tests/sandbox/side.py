"""A local Paddle to be one side of the comparison."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from pydantic import SecretStr

from local_paddle.server import Options, running
from tests.sandbox.account import Account

KEY = SecretStr("pdl_local_apikey_of_this_run_only")
#: Nothing listens on port 9 (discard): what is delivered is of no interest.
RECEIVER = "http://127.0.0.1:9/webhooks/paddle"


@contextmanager
def local_account(
    folder: Path, transport: httpx.BaseTransport | None = None
) -> Iterator[Account]:
    """Run a local Paddle with an empty shop; give an account of it."""
    options = Options(folder, KEY.get_secret_value(), "secret", RECEIVER)
    with running(options) as (_, url), Account(url, KEY, transport) as account:
        yield account
