"""How a step fails: under its name, with what is wrong and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from worker.errors import PaddlewheelError, TransientError
from worker.providers.errors import ApiError
from worker.providers.paddle.problems import problem_of


class ConnectError(PaddlewheelError):
    """A step that failed: its name, what is wrong, and what to do."""

    def __init__(self, step: str, words: str) -> None:
        """Say which, and why."""
        super().__init__(f"Stopped at '{step}': {words}")
        self.step = step
        self.words = words


@contextmanager
def during(step: str) -> Iterator[None]:
    """Put the name of a step to what goes wrong meanwhile.

    Raises:
        ConnectError: Something did, and a sentence can say it.
    """
    try:
        yield
    except ConnectError:
        raise
    except ApiError as error:
        raise ConnectError(step, _refused(error)) from error
    except TransientError as error:
        words = f"Paddle: {error}. Run it again when that is put right."
        raise ConnectError(step, words) from error
    except PaddlewheelError as error:
        raise ConnectError(step, str(error)) from error


def _refused(error: ApiError) -> str:
    # Connecting is done at a terminal: there its own sentence may stand.
    detail = f" Paddle says: {error.detail}" if error.detail else ""
    return f"{problem_of(error).developer}{detail}"
