"""Makes the messages about what a batch of events has told of money."""

from collections.abc import Callable, Collection, Mapping

from sqlalchemy import Connection

from models.key import Key
from models.notices import NoticeKind
from models.snapshots import (
    AdjustmentSnapshot,
    SubscriptionSnapshot,
    TransactionSnapshot,
)
from worker.batch import Batch
from worker.notices.kinds import Trigger, on
from worker.notices.making import Named, make
from worker.settings import Settings

#: By kind, what in a batch it may be about; the ledger then says whether it is. Mostly
#: nothing, and then nothing is asked.
SUBJECTS: Mapping[NoticeKind, Callable[[Batch], set[Key]]] = {
    NoticeKind.REFUND_CONFIRMED: lambda batch: {
        one.key
        for one in batch.of(AdjustmentSnapshot)
        if one.action == "refund" and one.status == "approved"
    },
    NoticeKind.RENEWAL_FAILED: lambda batch: {
        one.key for one in batch.of(SubscriptionSnapshot) if one.status == "past_due"
    },
    NoticeKind.PAYMENT_FAILED: lambda batch: {
        one.key
        for one in batch.of(TransactionSnapshot)
        if any(payment.status == "error" for payment in one.payments)
    },
    NoticeKind.ORDER_CONFIRMATION: lambda batch: {
        one.key for one in batch.of(TransactionSnapshot) if one.status == "completed"
    },
}


def make_of(
    connection: Connection, batch: Batch, met: Collection[Key], config: Settings
) -> list[int]:
    """Make the messages of a batch that the ledger has taken.

    Args:
        connection: The transaction that recorded it.
        batch: What it said.
        met: Customers of whom it has told who they are: what they bought before may
            have waited for that.
        config: The settings.

    Returns:
        Ids of the new rows of ``notifications``.
    """
    made = []
    for kind in on(Trigger.LEDGER, config):
        made += make(connection, kind, config, SUBJECTS[kind](batch))
        made += make(connection, kind, config, met, Named.CUSTOMERS)
    return made
