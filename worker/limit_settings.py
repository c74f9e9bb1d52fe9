"""The settings that bound the work on rows: how many, how often, how long."""

from pydantic import Field
from pydantic_settings import BaseSettings


class LimitSettings(BaseSettings):
    """Part of ``worker.settings.Settings``; ``setting_checks`` sees to their order."""

    batch_rows: int = Field(
        100, ge=1, le=1000, description="Rows that one claim takes at most."
    )
    sweep_seconds: float = Field(
        2,
        ge=0.2,
        le=60,
        description="How often due rows that nobody rang for are rung.",
    )
    retry_first_seconds: float = Field(
        5,
        ge=0.05,
        le=600,
        description="Wait before the first retry; doubles each time.",
    )
    retry_limit: int = Field(
        8, ge=1, le=50, description="Failed attempts after which a row is dead."
    )
    crash_limit: int = Field(
        3,
        ge=3,
        le=10,
        description="Process deaths after which a row is dead. From 3 on it has been"
        " alone at the last one, so no neighbour dies with it.",
    )
    lock_timeout_seconds: float = Field(3, description="Longest wait for a row lock.")
    statement_timeout_seconds: float = Field(10, description="Longest statement.")
    soft_limit_seconds: float = Field(15, description="A task winds up after this.")
    hard_limit_seconds: float = Field(20, description="A task is killed after this.")
    lease_seconds: float = Field(30, description="How long a claim holds its rows.")
    paddle_requests_per_minute: int = Field(
        240,
        ge=10,
        le=10000,
        description="Requests to Paddle's API in any minute, at most, of all workers and"
        " hosts together. Paddle counts by address: share it with what else asks from"
        " there.",
    )
    visibility_timeout_seconds: float = Field(
        300, description="When Redis gives an unacknowledged message to another worker."
    )
