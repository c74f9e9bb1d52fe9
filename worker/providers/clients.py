"""How each provider is asked; only for who does ask, because it loads an HTTP client."""

from collections.abc import Callable

from worker.providers.api import Gate, ProviderApi
from worker.providers.checkouts import CheckoutApi
from worker.providers.paddle.account import NAME as PADDLE
from worker.providers.paddle.api import api_of
from worker.providers.paddle.checkout import checkouts_of
from worker.settings import Settings

#: Makes the API's client; a call takes that many seconds at most, and passes the gate.
APIS: dict[str, Callable[[Settings, float, Gate], ProviderApi]] = {PADDLE: api_of}
#: Opens checkouts; seconds and gate as above.
CHECKOUTS: dict[str, Callable[[Settings, float, Gate], CheckoutApi]] = {
    PADDLE: checkouts_of
}
