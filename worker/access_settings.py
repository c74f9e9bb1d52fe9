"""The settings about who has access: from when on, and whose word counts for it."""

from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode


class AccessSettings(BaseSettings):
    """Part of ``worker.settings.Settings``."""

    access_from: str = Field(
        "completed",
        pattern="^(completed|paid)$",
        description="The transaction status from which a purchase gives access.",
    )
    access_grace_days: int = Field(
        7,
        ge=0,
        le=90,
        description="How long access stays when a subscription's renewal fails, from"
        " the start of the period that was not paid for.",
    )
    access_expire_seconds: float = Field(
        60,
        gt=0,
        description="How often to look for access that the clock ends: dated, canceled"
        " as of a date, or out of grace. The view `course_access` is right meanwhile.",
    )
    learner_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="What your shop signs user ids with (`docs/integrate.md`), newest"
        " first, separated by commas; 32 characters or more each. Two during a"
        " rotation.",
    )
    learner_ids_unsigned: bool = Field(
        default=False,
        description="A plain user id in `custom_data.learner` is believed too. A buyer"
        " can edit it: only where nobody gains by another's id.",
    )

    learner_addresses_verified: bool = Field(
        default=False,
        description="Your checkout fixes the buyer's address to the one that the"
        " account was verified with. Then what an address bought as a guest moves to the"
        " account that buys under it; a typed address would give it to whoever types it.",
    )

    @field_validator("learner_secrets", mode="before")
    @classmethod
    def _split_secrets(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value
