"""Paddle webhooks into course access the usual way: FastAPI, Celery, SQLAlchemy.

Put together from the ways that tutorials and issue threads share: verify, ``.delay()``,
a task per step, ``get_or_create``, a commit per step.
"""
