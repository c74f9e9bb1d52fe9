"""What leaves the house: mail at most once, the platform's hook at least once."""

from enum import StrEnum


class NotificationState(StrEnum):
    """How far a message to a person is."""

    #: Not sent; may be tried.
    PENDING = "pending"
    #: Handed to the channel at this moment: from here on it may have gone out.
    SENDING = "sending"
    #: The channel has taken it.
    SENT = "sent"
    #: No longer true when its turn came; the reason stands beside it. Never sent.
    SKIPPED = "skipped"
    #: The channel refused it for good; see the dead letter.
    FAILED = "failed"
    #: Nobody knows whether it went out: the process ended while sending, or no clear
    #: answer came. Reported, never sent again by itself.
    DOUBTFUL = "doubtful"


class DeliveryState(StrEnum):
    """Whether the course platform knows the newest version of a thing."""

    #: To be told, or being told.
    PENDING = "pending"
    #: Acknowledged with 2xx. A newer version makes it pending again.
    SENT = "sent"
    #: Refused for too long; see the dead letter.
    DEAD = "dead"


class DeliveryKind(StrEnum):
    """What the course platform is told of; the ``type`` of the hook."""

    #: The newest version of an enrollment.
    ENROLLMENT = "enrollment.changed"
    #: A purchase is paid and booked, once.
    ORDER = "order.completed"
    #: An attempt to pay was declined, once an attempt.
    PAYMENT = "payment.failed"
