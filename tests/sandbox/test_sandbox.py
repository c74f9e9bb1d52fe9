"""What Paddle's sandbox answers has the shape of what the local Paddle answers.

``make test-sandbox`` runs it, and nothing else does: it needs a key of an account in
the sandbox, whose shop it enlarges for some seconds.
"""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.sandbox.account import Account
from tests.sandbox.play import play
from tests.sandbox.shapes import differences
from tests.sandbox.side import local_account
from worker.providers.paddle.account import ADDRESSES
from worker.settings import Environment

VARIABLE = "PADDLE_SANDBOX_API_KEY"
SKIPPED = f"{VARIABLE} is not set: Paddle's sandbox was not asked, nothing was compared"
LIVE = f"{VARIABLE} is a key of production: take one of the sandbox"


@pytest.fixture
def sandbox() -> Iterator[Account]:
    """An account in Paddle's sandbox."""
    key = SecretStr(os.environ.get(VARIABLE, "").strip())
    if not key.get_secret_value():
        pytest.skip(SKIPPED)
    if key.get_secret_value().startswith("pdl_live_"):
        pytest.fail(LIVE)
    with Account(ADDRESSES[Environment.SANDBOX], key) as account:
        yield account


def test_paddle_and_the_local_paddle_answer_alike(
    sandbox: Account, tmp_path: Path
) -> None:
    run = secrets.token_hex(4)
    with local_account(tmp_path) as local:
        ours = play(local, run)
    theirs = play(sandbox, run)

    unlike = differences(ours, theirs)

    assert sandbox.left == [], "could not be removed: please do it by hand"
    assert not unlike, "\n".join(["", *unlike])
