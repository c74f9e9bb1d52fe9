"""What is not as it should be and no machine may decide: for a person to look at."""

from enum import StrEnum


class FindingState(StrEnum):
    """Whether somebody must still look."""

    #: It is so.
    OPEN = "open"
    #: It is no longer so; found by looking again.
    CLEARED = "cleared"
    #: A person has seen it and wants to hear no more of it.
    ACCEPTED = "accepted"


class FindingKind(StrEnum):
    """What was found. The sentences are in ``worker/finding_words.py``."""

    #: Part of a line's money went back: access stays until all of it has.
    PARTIAL_REFUND = "partial_refund"
    #: The current period of a subscription was refunded whole.
    PERIOD_REFUNDED = "period_refunded"
    #: Seats were bought beside the buyer's own: nobody has them.
    SEATS_WITHOUT_LEARNER = "seats_without_learner"
    #: Bought for good what the buyer already had for good.
    BOUGHT_AGAIN = "bought_again"
    #: One customer bought under several user ids.
    TWO_USERS = "two_users"
    #: ``custom_data.learner`` was not believed.
    LEARNER_NOT_BELIEVED = "learner_not_believed"
    #: Told canceled, but the money has come in.
    COMPLETED_BUT_CANCELED = "completed_but_canceled"
    #: The provider does not know the customer who bought.
    CUSTOMER_MISSING = "customer_missing"
    #: What the provider answers is not what we have, and its word counts.
    DIFFERS_FROM_PROVIDER = "differs_from_provider"
    #: We were told something that the provider does not show.
    NEWER_THAN_PROVIDER = "newer_than_provider"
    #: It is in no list of the provider's.
    NOT_AT_PROVIDER = "not_at_provider"
    #: What the provider answers cannot be understood.
    UNREADABLE_AT_PROVIDER = "unreadable_at_provider"
    # What the checks of our own rows find (``worker/checks/``).
    REFUNDED_BUT_LIVE = "refunded_but_live"
    GRANT_WITHOUT_PAYMENT = "grant_without_payment"
    PAID_WITHOUT_GRANT = "paid_without_grant"
    UNKNOWN_PRICE_BOUGHT = "unknown_price_bought"
    #: The clock should have changed access.
    PAST_ITS_END = "past_its_end"
    #: Grants and enrollment.
    ACCESS_DISAGREES = "access_disagrees"
    HISTORY_INCOMPLETE = "history_incomplete"
    LEARNER_WITHOUT_IDENTITY = "learner_without_identity"
    PLATFORM_NOT_TOLD = "platform_not_told"
    NOT_WELCOMED = "not_welcomed"
    ROWS_STUCK = "rows_stuck"
    #: Of a transaction, against its lines.
    TOTALS_DIFFER = "totals_differ"
    #: The same, of a day and a currency.
    DAY_TOTALS_DIFFER = "day_totals_differ"
