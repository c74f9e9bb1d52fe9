"""What findings say: one sentence a kind; without what finds and writes them."""

from models.findings import FindingKind
from worker.checks.table import CHECKS

#: What each kind means, and what to do about it.
SENTENCES = {
    FindingKind.PARTIAL_REFUND: "Part of the money went back; access stays until all"
    " of a line has.",
    FindingKind.PERIOD_REFUNDED: "The current period of a subscription was refunded;"
    " access is held. Cancel the subscription, or it renews.",
    FindingKind.SEATS_WITHOUT_LEARNER: "More seats were bought than the buyer can use;"
    " give the others by hand with `grant`.",
    FindingKind.BOUGHT_AGAIN: "Bought for good what the learner already had for good;"
    " a refund may be due.",
    FindingKind.TWO_USERS: "One customer bought under several user ids; what came"
    " without one stays with the customer's address.",
    FindingKind.LEARNER_NOT_BELIEVED: "custom_data.learner was not believed; the"
    " purchase went to the buyer's address.",
    FindingKind.COMPLETED_BUT_CANCELED: "Told canceled, and completed as well: the"
    " money has come in and counts.",
    FindingKind.CUSTOMER_MISSING: "The provider does not know the customer who bought;"
    " nobody can be given access.",
    FindingKind.DIFFERS_FROM_PROVIDER: "What the provider has differs from our row; its"
    " word is taken over where it is certain.",
    FindingKind.NEWER_THAN_PROVIDER: "Our row is newer than what the provider shows;"
    " nothing was changed.",
    FindingKind.NOT_AT_PROVIDER: "We have it, and the provider's list has not; nothing"
    " was changed.",
    FindingKind.UNREADABLE_AT_PROVIDER: "What the provider answers cannot be"
    " understood; it could not be compared.",
    **{check.kind: check.sentence for check in CHECKS},
}
