"""Speaks to the local Paddle: for ``send``, the demo and tests.

It stands here, below the local Paddle, so that commands can use it; it knows only
addresses.
"""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from worker.errors import PaddlewheelError

QUIET_POLL_SECONDS = 0.1
TIMEOUT_SECONDS = 30.0


class ControlError(PaddlewheelError):
    """The local Paddle refused; the message is its sentence."""


class Client:
    """One method per control endpoint, and two for Paddle's own API; JSON comes back."""

    def __init__(self, address: str, api_key: str) -> None:
        """Speak to the local Paddle at this address."""
        self._http = httpx.Client(
            base_url=address,
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=TIMEOUT_SECONDS,
        )

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def purchase(self, email: str, **order: Any) -> dict[str, Any]:  # noqa: ANN401
        """Buy; ``course``, ``courses`` or ``prices`` say what (see ``/local/purchase``).

        Raises:
            ControlError: An unknown course or price.

        """
        return self.post("purchase", {"email": email, **order})

    def subscribe(self, email: str, **order: Any) -> dict[str, Any]:  # noqa: ANN401
        """Subscribe; ``cycle`` and ``trial`` as in ``"month"`` and ``"14 day"``."""
        return self.post("subscribe", {"email": email, **order})

    def pay(self, transaction_id: str, **buyer: str | None) -> dict[str, Any]:
        """Pay what is ready, billed or past due; or a draft, as the buyer types it.

        Raises:
            ControlError: It is paid, or nobody says who pays: ``email``.

        """
        return self.post("pay", {"transaction_id": transaction_id, **buyer})

    def advance(self, **how: str) -> dict[str, Any]:
        """Move its clock ``to`` an instant or ``by`` a duration; what is due is done."""
        return self.post("advance", dict(how))

    def fail_payments(self, count: int = 1, **whose: str) -> dict[str, Any]:
        """Let the next payments fail, by ``subscription_id`` or ``email``."""
        return self.post("fail-payments", {"count": count, **whose})

    def cancel(self, **which: Any) -> dict[str, Any]:  # noqa: ANN401
        """Cancel at the end of the period, or ``now``."""
        return self.post("cancel", which)

    def pause(self, **which: Any) -> dict[str, Any]:  # noqa: ANN401
        """Pause at the end of the period, or ``now``; ``resume_at`` ends it."""
        return self.post("pause", which)

    def resume(self, **which: str) -> dict[str, Any]:
        """Resume at once, or ``at`` an instant."""
        return self.post("resume", dict(which))

    def change_plan(self, **how: Any) -> dict[str, Any]:  # noqa: ANN401
        """Replace the items of a subscription."""
        return self.post("change-plan", how)

    def dispute(self, transaction_id: str, **how: Any) -> dict[str, Any]:  # noqa: ANN401
        """Dispute a completed transaction, or with ``warning`` announce it."""
        return self.post("dispute", {"transaction_id": transaction_id, **how})

    def reverse(self, adjustment_id: str) -> dict[str, Any]:
        """Win a dispute."""
        return self.post("reverse", {"adjustment_id": adjustment_id})

    def refund(self, transaction_id: str, **how: Any) -> dict[str, Any]:  # noqa: ANN401
        """Refund a completed transaction, all of it or ``lines``."""
        return self.post("refund", {"transaction_id": transaction_id, **how})

    def inject(
        self, kind: str, variant: str | None = None, count: int = 1
    ) -> dict[str, Any]:
        """Send deliveries that are no events: forged, stale, malformed, poison."""
        return self.post("inject", {"kind": kind, "variant": variant, "count": count})

    def plan(self, **plan: float) -> dict[str, Any]:
        """Set the fault plan; what is not named is off."""
        return self.post("plan", plan)

    def compress(self, factor: float) -> dict[str, Any]:
        """Set how many times faster than Paddle's the retries come."""
        return self.post("clock", {"factor": factor})

    def truth(self, **view: str | float) -> dict[str, Any]:
        """Ask who should have what, and what was sent.

        ``now`` and ``grace_days`` say by which clock, and how long a failed renewal is
        forgiven; else by its own, and seven days.
        """
        return self._ask("GET", "/local/truth", params=view)

    def counts(self) -> dict[str, int]:
        """Ask for the wire counts."""
        return self.get("counts")

    def wait_until_quiet(self, seconds: float) -> bool:
        """Wait until nothing is due and nothing in flight; tell whether it came."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.get("quiet")["quiet"]:
                return True
            time.sleep(QUIET_POLL_SECONDS)
        return False

    def listed(self, path: str) -> list[dict[str, Any]]:
        """Read the first page of a list of Paddle's own API."""
        page: list[dict[str, Any]] = self._ask("GET", path)["data"]
        return page

    def change(self, path: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        """Change an entity through Paddle's own API.

        Raises:
            ControlError: It refused.

        """
        return self._ask("PATCH", path, fields)

    def get(self, name: str) -> dict[str, Any]:
        """Read a control endpoint."""
        return self._ask("GET", f"/local/{name}")

    def post(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Post to a control endpoint.

        Raises:
            ControlError: It refused.

        """
        return self._ask("POST", f"/local/{name}", body)

    def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        params: Mapping[str, str | float] | None = None,
    ) -> dict[str, Any]:
        try:
            return _read(self._http.request(method, path, json=body, params=params))
        except httpx.TransportError:
            message = (
                "The local Paddle does not answer. Is everything running? (`make up`"
                " in another terminal.)"
            )
            raise ControlError(message) from None


def _read(answer: httpx.Response) -> dict[str, Any]:
    content: dict[str, Any] = answer.json()
    if answer.is_success:
        return content
    error = content.get("error", answer.text)
    raise ControlError(error if isinstance(error, str) else error["detail"])
