"""Whose word counts for who buys: tokens through the whole way of an event."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from tests.factories import rows
from tests.people import World, owners, record
from worker.learner_token import sign
from worker.settings import Settings

SECRET = "a-secret-of-the-tests-of-more-than-32"
WORLD = World("w")
USER = WORLD.user(0)
GUEST = f"address {WORLD.address(0)}"


def token(environment: str = "local", secret: str = SECRET) -> str:
    return sign(
        USER, environment, secret, timedelta(days=1), datetime(2024, 4, 12, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("claim", "refusal"),
    [
        (token(), None),
        (token(secret=SECRET[::-1]), "signature"),
        (token()[:-1] + ("A" if token()[-1] != "A" else "B"), "signature"),
        (token("sandbox"), "environment"),
        (USER, "unsigned"),
        ("plw1.local.x", "form"),
    ],
)
def test_only_a_token_of_ours_gives_the_purchase_to_its_user(
    core: Engine, configured: Callable[..., Settings], claim: str, refusal: str | None
) -> None:
    configured(learner_secrets=SECRET)
    record(core, WORLD.told(0, 0, 0), WORLD.bought(0, 0, claim))

    owner = GUEST if refusal else f"user {USER}"
    assert owners(core) == {WORLD.course(0): owner}
    details = "SELECT subject, detail FROM findings WHERE kind = 'learner_not_believed'"
    expected = [("txn_w_0", {"refusal": refusal})] if refusal else []
    assert rows(core, details) == expected


@pytest.mark.parametrize("allowed", [True, False])
def test_a_plain_user_id_counts_only_where_the_setting_says_so(
    core: Engine, configured: Callable[..., Settings], *, allowed: bool
) -> None:
    configured(learner_ids_unsigned=allowed)
    record(core, WORLD.told(0, 0, 0), WORLD.bought(0, 0, USER))

    owner = f"user {USER}" if allowed else GUEST
    assert owners(core) == {WORLD.course(0): owner}


def test_a_sandbox_token_is_worth_nothing_in_production(
    core: Engine, configured: Callable[..., Settings]
) -> None:
    configured(learner_secrets=SECRET, paddle_environment="production")
    record(core, WORLD.told(0, 0, 0), WORLD.bought(0, 0, token("sandbox")))

    assert owners(core) == {WORLD.course(0): GUEST}
