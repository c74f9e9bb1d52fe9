"""Where a shop finds ``create_checkout``; there is nothing of Paddle's in it."""

from worker.checkouts.create_checkout import create_checkout

__all__ = ["create_checkout"]
