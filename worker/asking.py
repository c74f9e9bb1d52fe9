"""Asks the providers' APIs for what somebody waits for, during one run of a task."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar

from sqlalchemy import Engine

from worker.budget import Budget, Lane
from worker.errors import OutageError
from worker.providers.accounts import askable
from worker.providers.api import ProviderApi
from worker.providers.clients import APIS
from worker.providers.errors import ApiRefusedError
from worker.settings import Settings

T = TypeVar("T")


class Apis:
    """The APIs by provider, each opened when it is first asked, and kept."""

    def __init__(self, config: Settings, seconds: float) -> None:
        """Prepare; nothing is opened yet.

        Args:
            config: The settings.
            seconds: What one call may take.
        """
        self._config = config
        self._seconds = seconds
        self._opened = ExitStack()
        self._apis: dict[str, ProviderApi] = {}
        #: Why a provider did not answer, once that was so in this run: the next row
        #: would only wait as long, or break the pause that was asked for.
        self._outages: dict[str, OutageError] = {}

    def close(self) -> None:
        """Hang up."""
        self._opened.close()

    def ask(
        self, engine: Engine, provider: str, question: Callable[[ProviderApi], T]
    ) -> T:
        """Return what a question comes to.

        Raises:
            OutageError: The provider does not answer, or has not before in this run.
            PaddlewheelError: What else the question raises.
        """
        if outage := self._outages.get(provider):
            raise outage.with_traceback(None)
        try:
            return question(self._api(engine, provider))
        except OutageError as error:
            self._outages[provider] = error
            raise

    def _api(self, engine: Engine, provider: str) -> ProviderApi:
        if provider not in self._apis:
            if provider not in askable(self._config):
                raise ApiRefusedError("there is no key for the provider's API")
            gate = Budget(engine, provider, Lane.LIVE, self._config)
            api = APIS[provider](self._config, self._seconds, gate)
            self._apis[provider] = self._opened.enter_context(api)
        return self._apis[provider]
