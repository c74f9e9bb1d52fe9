"""How long the broker's queues are, on Redis and RabbitMQ alike."""

from typing import Any

from celery import current_app


def length_of(queue: str) -> int:
    """Return how many messages wait in a queue; 0 where it does not exist yet."""
    with current_app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        try:
            return int(channel.queue_declare(queue, passive=True).message_count)
        except connection.channel_errors:
            return 0
