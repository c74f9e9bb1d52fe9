"""Deliveries are refused for their signature: a clock, a secret, or somebody forges.

Counted by the receivers, minute by minute (``web_hook/counts.py``). What carries no
readable signature at all is not counted here: strangers try every door.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from models.alerts import Severity
from worker.alerts.condition import Condition, Finding
from worker.alerts.stakes import Stakes
from worker.alerts.words import span
from worker.settings import Settings

#: How each reason reads behind a number. The reasons are those of
#: ``web_hook.verify.Refusal``.
REASONS = {
    "wrong_signature": "with a wrong signature",
    "too_old": "too old",
    "too_new": "from the future",
}
TIMED = ("too_old", "too_new")
ACCEPTED = ("stored", "duplicate", "variant")

# An hour has some hundred rows at most. ``steady``: accepted while others were out of
# time, so not every clock is wrong.
_HOUR = text("""
WITH hour AS MATERIALIZED (
  SELECT *, outcome = ANY(:accepted) AS is_accepted FROM delivery_counts
  WHERE minute > now() - interval '1 hour'
), timed AS (
  SELECT min(minute) AS first, max(minute) AS last FROM hour WHERE reason = ANY(:timed)
)
SELECT coalesce(sum(deliveries) FILTER (WHERE is_accepted), 0)::bigint AS accepted,
       coalesce(sum(deliveries) FILTER (
         WHERE outcome = 'unavailable' AND reason = 'database'), 0)::bigint AS put_off,
       coalesce(bool_or(is_accepted AND minute > first AND minute < last), false)
         AS is_steady,
       min(minute) FILTER (WHERE reason = ANY(:reasons)) AS first_at,
       max(minute) FILTER (WHERE reason = ANY(:reasons)) AS last_at
FROM hour, timed
""").bindparams(accepted=list(ACCEPTED), timed=list(TIMED), reasons=list(REASONS))
_REFUSED = text("""
SELECT reason, sum(deliveries)::bigint AS deliveries,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY skew_seconds) AS skew_seconds
FROM delivery_counts
WHERE minute > now() - interval '1 hour' AND reason = ANY(:reasons)
GROUP BY reason
""").bindparams(reasons=list(REASONS))


@dataclass(frozen=True, slots=True)
class Hour:
    """The last hour's deliveries, as far as signatures go."""

    #: By reason; only reasons that occurred.
    refused: Mapping[str, int]
    accepted: int = 0
    #: Signed with a secret of ours, but the database was away.
    put_off: int = 0
    #: Some were accepted all the while others were out of time.
    is_steady: bool = False
    #: How far the receiver's clock is ahead of the signatures that are out of time.
    skew_seconds: float | None = None

    @property
    def total_refused(self) -> int:
        """How many were refused for their signature."""
        return sum(self.refused.values())

    @property
    def timed(self) -> int:
        """How many were refused for their time alone."""
        return sum(self.refused.get(reason, 0) for reason in TIMED)

    @property
    def knows_secret(self) -> bool:
        """Whether somebody signs with a secret of ours."""
        return self.accepted + self.put_off + self.timed > 0


class SignatureRefusals(Condition):
    """Deliveries are refused for their signature."""

    kind = "signature_refusals"
    opens = (
        "`ALERT_SIGNATURE_REFUSALS` deliveries of the last hour were refused for a"
        " wrong signature or its time. Critical when fewer were accepted."
    )

    def look(self, connection: Connection, config: Settings) -> Iterable[Finding]:
        """Sum up the receivers' counts of an hour."""
        found = connection.execute(_REFUSED).all()
        refused = {row.reason: int(row.deliveries) for row in found}
        if sum(refused.values()) < config.alert_signature_refusals:
            return []
        skews = {row.reason: row.skew_seconds for row in found}
        most = max(TIMED, key=lambda reason: refused.get(reason, 0))
        whole = connection.execute(_HOUR).one()
        hour = Hour(
            refused, whole.accepted, whole.put_off, whole.is_steady, skews.get(most)
        )
        return [finding_of(hour, whole.first_at, whole.last_at)]

    def stakes(self, connection: Connection, subject: str) -> Stakes:
        """Tell how many there are; what is refused is not read."""
        del subject
        found = connection.execute(_REFUSED).all()
        return Stakes(unknown=sum(int(row.deliveries) for row in found))


def finding_of(hour: Hour, first_at: datetime, last_at: datetime) -> Finding:
    """Say what an hour's refusals mean.

    Args:
        hour: The hour; some were refused.
        first_at: Minute of the first refusal.
        last_at: Minute of the last one.
    """
    parts = [
        f"{count:,} {REASONS[reason]}" for reason, count in sorted(hour.refused.items())
    ]
    total = hour.total_refused + hour.accepted + hour.put_off
    last = last_at.astimezone(UTC).strftime("%H:%M UTC")
    causes, steps = _guess(hour)
    return Finding(
        summary=(
            f"{hour.total_refused:,} of {total:,} signed deliveries of the last hour"
            f" were refused, the last at {last}: {', '.join(parts)}. {causes}"
        ),
        since=first_at,
        next_steps=(*steps, "./paddlewheel status"),
        severity=(
            Severity.CRITICAL
            if hour.total_refused > hour.accepted
            else Severity.WARNING
        ),
        count=hour.total_refused,
    )


def _guess(hour: Hour) -> tuple[str, list[str]]:
    causes, steps = [], []
    if hour.timed:
        causes.append(_clock(hour))
        steps.append(
            "timedatectl, where each receiver runs: is its clock synchronized?"
        )
    if hour.refused.get("wrong_signature") and hour.knows_secret:
        causes.append(
            "The wrong signatures: a second destination with another secret, a secret"
            " that was changed in Paddle only, or forgeries."
        )
        steps.append(
            "Paddle's dashboard: does each destination's secret stand in"
            " PADDLE_WEBHOOK_SECRETS?"
        )
    elif hour.refused.get("wrong_signature"):
        causes.append(
            "None was right: PADDLE_WEBHOOK_SECRETS is not the destination's secret,"
            " or a proxy changes the bodies."
        )
        steps.append(
            "set PADDLE_WEBHOOK_SECRETS as Paddle's dashboard shows it, and restart"
            " the receiver"
        )
    return " ".join(causes), steps


def _clock(hour: Hour) -> str:
    skew = hour.skew_seconds
    if skew is None:
        return "The receiver's clock or the sender's is wrong."
    way, other = ("ahead", "behind") if skew > 0 else ("behind", "ahead")
    off = f"about {_about(abs(skew))} {way}"
    if not hour.is_steady:
        return (
            f"The receiver's clock is {off}; if it is right, the sender's is {other}."
        )
    late = ", or these came late or were sent again" if skew > 0 else ""
    return (
        "Others were in time all the while: one of several receivers has a clock that"
        f" is {off}{late}."
    )


def _about(seconds: float) -> str:
    """Return a span of time in one unit: ``3 min``."""
    for unit in (86_400, 3_600, 60):
        if seconds >= 2 * unit:
            return span(round(seconds / unit) * unit)
    return span(seconds)
