"""The addresses that only the provider knows, fetched when a message goes out.

That of an invoice lives for one hour, so it is never stored.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Self

from sqlalchemy import Engine

from models.notices import NoticeKind
from worker.budget import Budget, Lane
from worker.channels.deadline import SHARE_OF_ONE_ROW
from worker.errors import OutageError, TransientError
from worker.notices.reading import Notice
from worker.providers.api import ProviderApi
from worker.providers.errors import ApiError, ApiRefusedError
from worker.providers.registry import APIS, askable
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
        self._config = config
        self._opened = ExitStack()
        self._apis: dict[str, ProviderApi] = {}
        #: Why a provider did not answer, once that was so in this run.
        self._outages: dict[str, OutageError] = {}

    def __enter__(self) -> Self:
        """Use it for one run."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._opened.close()

    def fetch(self, engine: Engine, notice: Notice) -> Mapping[str, str]:
        """Return the facts of a message that only the provider knows.

        Raises:
            TransientError: It could not be asked, or did not know the subject.
        """
        name, subject = FETCHED.get(notice.kind), notice.subject
        if name is None or subject is None or name in notice.facts:
            return {}
        if outage := self._outages.get(subject.provider):
            raise outage
        try:
            api = self._api(engine, subject.provider)
            return {name: getattr(api, name)(subject.id)}
        except OutageError as error:
            self._outages[subject.provider] = error
            raise
        except ApiError as error:
            # Ours may be ahead of it by a moment; only days of this are for good.
            raise TransientError(f"{name}: {error}") from None

    def _api(self, engine: Engine, provider: str) -> ProviderApi:
        if provider not in self._apis:
            if provider not in askable(self._config):
                raise ApiRefusedError("there is no key for the provider's API")
            seconds = self._config.soft_limit_seconds * SHARE_OF_ONE_ROW * SHARE
            gate = Budget(engine, provider, Lane.LIVE, self._config)
            api = APIS[provider](self._config, seconds, gate)
            self._apis[provider] = self._opened.enter_context(api)
        return self._apis[provider]
