"""Whose purchase ``custom_data`` says it is."""

from datetime import datetime
from typing import Any

from worker.learner_token import check
from worker.providers.paddle.reading import CustomData
from worker.settings import settings

#: Where a shop names the buyer.
LEARNER_FIELD = "learner"


def claim_of(custom_data: CustomData, opened_at: datetime | None) -> dict[str, Any]:
    """Return the facts ``user_id`` and ``user_refusal`` of a purchase.

    Args:
        custom_data: Of the transaction or subscription.
        opened_at: When that was opened: a token must have been valid then.
    """
    value = (custom_data or {}).get(LEARNER_FIELD)
    if value is None or opened_at is None:
        return {"user_id": None, "user_refusal": None}
    config = settings()
    claim = check(
        value,
        config.paddle_environment,
        [secret.get_secret_value() for secret in config.learner_secrets],
        opened_at,
        unsigned_allowed=config.learner_ids_unsigned,
    )
    return {"user_id": claim.user_id, "user_refusal": claim.refusal}
