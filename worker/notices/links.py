"""The addresses that only the provider knows, fetched when a message goes out.

That of an invoice lives for one hour, so it is never stored.
"""

from collections.abc import Mapping
from typing import Self

from sqlalchemy import Engine

from models.notices import NoticeKind
from worker.asking import Apis
from worker.channels.deadline import SHARE_OF_ONE_ROW
from worker.errors import TransientError
from worker.notices.reading import Notice
from worker.providers.errors import ApiError
from worker.settings import Settings

#: By kind, the fact that is fetched.
FETCHED: Mapping[NoticeKind, str] = {
    NoticeKind.ORDER_CONFIRMATION: "invoice_url",
    NoticeKind.CHECKOUT_LEFT_OPEN: "checkout_url",
}
#: Of the time for one row, what asking may take: the message has to go out as well.
SHARE = 0.5


class Links:
    """Asks for one address after the other, during one run of the task."""

    def __init__(self, config: Settings) -> None:
        """Prepare; nothing is opened yet."""
        self._apis = Apis(config, config.soft_limit_seconds * SHARE_OF_ONE_ROW * SHARE)

    def __enter__(self) -> Self:
        """Use it for one run."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._apis.close()

    def fetch(self, engine: Engine, notice: Notice) -> Mapping[str, str]:
        """Return the facts of a message that only the provider knows.

        Raises:
            TransientError: It could not be asked, or did not know the subject.
        """
        name, subject = FETCHED.get(notice.kind), notice.subject
        if name is None or subject is None or name in notice.facts:
            return {}
        try:
            url = self._apis.ask(
                engine, subject.provider, lambda api: getattr(api, name)(subject.id)
            )
        except ApiError as error:
            # Ours may be ahead of it by a moment; only days of this are for good.
            raise TransientError(f"{name}: {error}") from None
        return {name: url}
