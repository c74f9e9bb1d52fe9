"""How our rows were compared with the provider's, and what came of it."""

from enum import StrEnum


class RunState(StrEnum):
    """How far a run is. Only ``pending`` is left again."""

    #: Goes on page by page, or waits for its turn.
    PENDING = "pending"
    #: Everything there was to look at was looked at.
    COMPLETE = "complete"
    #: It came to an end, but not all of it could be looked at; the reason says why.
    PARTIAL = "partial"
    #: Will not pass by itself; a dead letter tells why.
    FAILED = "failed"


class RunKind(StrEnum):
    """What is compared."""

    #: The provider's list of events with the inbox.
    EVENTS = "events"
    CUSTOMERS = "customers"
    TRANSACTIONS = "transactions"
    SUBSCRIPTIONS = "subscriptions"
    ADJUSTMENTS = "adjustments"
    #: Our rows with each other: money, grants, enrollments, platform.
    ACCESS = "access"


class RunScope(StrEnum):
    """How much of it."""

    #: What is new or changed since some time.
    RECENT = "recent"
    ALL = "all"
    #: What was there before Paddlewheel; mails are held back unless asked for.
    BACKFILL = "backfill"


class RunStage(StrEnum):
    """What a run is at."""

    #: Looks, page by page.
    WALK = "walk"
    #: Waits for what it put into the inbox, and looks whether that healed.
    HEAL = "heal"


class EventReason(StrEnum):
    """Why reconciliation put an event into the inbox."""

    #: The provider's list has it, and no delivery brought it.
    MISSED = "missed"
    #: What the provider answered differs from our rows.
    DIFFERS = "differs"
    #: It was there before Paddlewheel.
    BACKFILLED = "backfilled"


class Explanation(StrEnum):
    """Why the provider did not deliver an event, by its list of notifications."""

    #: All attempts failed.
    FAILED = "failed"
    #: Attempts failed, and it goes on trying.
    RETRYING = "retrying"
    NOT_ATTEMPTED = "not_attempted"
    #: It was delivered, but not to us.
    WRONG_DESTINATION = "wrong_destination"
    #: Our destination is not subscribed to its type.
    NOT_SUBSCRIBED = "not_subscribed"
    #: There is no active destination of ours.
    INACTIVE = "inactive"
    #: It was delivered to us and answered 200: our rows are older than that, or gone.
    FORGOTTEN = "forgotten"
    #: The provider does not say.
    UNKNOWN = "unknown"
