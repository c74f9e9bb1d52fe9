"""A faithful Paddle on this machine: API, signed deliveries, faults on demand.

Not to be confused with Paddle's own sandbox. It starts only under
``PADDLE_ENVIRONMENT=local``.
"""
