"""The people who learn, and the ways by which we recognise them."""

import unicodedata
from enum import StrEnum


class IdentityKind(StrEnum):
    """By what a learner is recognised."""

    #: The provider's customer, ``paddle:ctm_…``.
    CUSTOMER = "customer"
    #: The address, normalised for matching.
    EMAIL = "email"
    #: The course platform's own user id.
    USER = "user"


def normalized(email: str) -> str:
    """Return an address as it is matched: NFC, lower case, no outer blanks.

    Not case folded: that would make one person of ``straße.de`` and ``strasse.de``,
    which are two domains with two owners.
    """
    return unicodedata.normalize("NFC", email.strip()).lower()
