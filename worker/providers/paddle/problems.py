"""What an error of Paddle's API means: ``docs/errors.md``, to whom it concerns.

Nothing that Paddle wrote in prose: it may quote the buyer, and rows and logs keep this.
"""

from worker.providers.checkouts import Buyer, Problem
from worker.providers.errors import Answered, ApiRefusedError
from worker.providers.paddle.error_codes import sorted_by


def problem_of(error: Exception) -> Problem:
    """Return what an error means, to the shop's developer and to the buyer."""
    lacking = error.lacking if isinstance(error, ApiRefusedError) else None
    if not isinstance(error, Answered) or not error.code:
        is_passing = lacking is None
        return Problem(f"Paddle: {error}.", Buyer.SOON if is_passing else Buyer.SHOP)
    meaning = sorted_by(error.status, error.code)
    named = f"{error.code}: {lacking}" if lacking else error.code
    return Problem(f"{meaning.words} ({named})", meaning.buyer or Buyer.SHOP)
