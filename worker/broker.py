"""What a connection to the broker needs, by its kind. Knows no task.

Apart from ``worker/app.py`` so that the receiver can ring without loading a worker.
"""

from typing import Any

from kombu import Exchange, Queue

import celeryconfig
from worker.settings import Settings

#: No answer from the broker within this is an error; longer than kombu's BRPOP (1 s).
SOCKET_TIMEOUT_SECONDS = 5
CONNECT_TIMEOUT_SECONDS = 2
HEALTH_CHECK_SECONDS = 15
#: How often Redis looks for messages of dead workers (default: every 100 s).
RESTORE_SECONDS = 10
#: A message that kills its consumers is dropped after so many deliveries; its rows
#: are counted and swept regardless.
AMQP_DELIVERY_LIMIT = 10


def redis_options(config: Settings) -> dict[str, Any]:
    """Return the transport options for Redis and Valkey."""
    return {
        "visibility_timeout": config.visibility_timeout_seconds,
        "unacked_restore_interval": RESTORE_SECONDS,
        "unacked_restore_throttle": 1,
        "socket_timeout": SOCKET_TIMEOUT_SECONDS,
        "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "socket_keepalive": True,
        "health_check_interval": HEALTH_CHECK_SECONDS,
        "max_retries": 0,
        # One list per queue instead of four: priorities are not used.
        "priority_steps": [0],
        "client_name": "paddlewheel",
    }


def amqp_options() -> dict[str, Any]:
    """Return the transport options for RabbitMQ.

    Without confirms it drops messages silently when it is short of memory or disk;
    without time-outs a blocked publish never returns.
    """
    return {
        "confirm_publish": True,
        "read_timeout": SOCKET_TIMEOUT_SECONDS,
        "write_timeout": SOCKET_TIMEOUT_SECONDS,
        "max_retries": 0,
    }


def quorum_queues() -> list[Queue]:
    """Return the queues as RabbitMQ quorum queues."""
    arguments = {
        "x-queue-type": "quorum",
        "x-delivery-limit": AMQP_DELIVERY_LIMIT,
    }
    return [
        Queue(
            queue.name,
            Exchange(queue.name, type="direct"),
            routing_key=queue.name,
            queue_arguments=arguments,
        )
        for queue in celeryconfig.task_queues
    ]


def broker_conf(config: Settings) -> dict[str, Any]:
    """Return the Celery settings that depend on the broker."""
    if config.is_amqp:
        return {
            "broker_url": config.broker_url,
            "broker_transport_options": amqp_options(),
            "task_queues": quorum_queues(),
            "broker_heartbeat": 30,
        }
    return {
        "broker_url": config.broker_url,
        "broker_transport_options": redis_options(config),
    }
