"""How Celery runs here: names and numbers, each with its reason.

Addresses and what depends on the broker's kind are added by ``worker/app.py``; the
facts behind the choices were tried out on Celery 5.7 and kombu 5.7.
"""

from datetime import timedelta

from kombu import Exchange, Queue

# --- what travels: ids as JSON, nothing comes back ---------------------------------
task_serializer = "json"
result_serializer = "json"
#: Anything else is refused: a pickle would run code.
accept_content = ["json"]
#: The outcome lives in Postgres; a result store would be one more thing to fail.
task_ignore_result = True
enable_utc = True
timezone = "UTC"

# --- queues: who waits for whom ----------------------------------------------------
#: Direct exchanges only: on Redis a topic's bindings are a set that can be evicted,
#: and then every publish is accepted and lost.
task_queues = [
    Queue(name, Exchange(name, type="direct"), routing_key=name)
    for name in (
        "critical",
        "access",
        "fetch",
        "notify",
        "maintenance",
        "sweep",
        "reconcile",
    )
]
task_default_queue = "maintenance"
task_default_exchange = "maintenance"
task_default_exchange_type = "direct"
task_default_routing_key = "maintenance"
#: A typing error in a queue's name is an error where it is made.
task_create_missing_queues = False
task_routes = {
    "events.record": {"queue": "critical"},
    "variants.compare": {"queue": "critical"},
    # Same worker, other queue: it takes from both in turn, so that access does not wait
    # behind thousands of rings whose events were drained by the first of them.
    "enrollments.activate": {"queue": "access"},
    # Alone: a provider that is slow to answer must hold up nobody else.
    "customers.fetch": {"queue": "fetch"},
    "checkouts.create": {"queue": "fetch"},
    "checkouts.recover": {"queue": "fetch"},
    # Same worker, other queue: a run of thousands of pages is taken in turn with the
    # buyers who wait.
    "reconciliation.run": {"queue": "reconcile"},
    "reconciliation.plan": {"queue": "reconcile"},
    "notifications.send": {"queue": "notify"},
    "notices.plan": {"queue": "maintenance"},
    "platform.tell": {"queue": "notify"},
    # Apart from the rest: the sweep heals everything and must never wait.
    "rows.sweep": {"queue": "sweep"},
    "alerts.watch": {"queue": "sweep"},
    "alerts.send": {"queue": "maintenance"},
    # Beat sends it to every queue; this is where it goes otherwise.
    "queues.pulse": {"queue": "sweep"},
    "access.expire": {"queue": "maintenance"},
    "parked.release": {"queue": "maintenance"},
    "bodies.partition": {"queue": "maintenance"},
    "rows.prune": {"queue": "maintenance"},
    "digest.write": {"queue": "maintenance"},
    "schema.survey": {"queue": "maintenance"},
    "quarantine.move": {"queue": "maintenance"},
}
imports = (
    "tasks.record",
    "tasks.compare",
    "tasks.fetch",
    "tasks.create",
    "tasks.recover",
    "tasks.activate",
    "tasks.send",
    "tasks.remind",
    "tasks.tell",
    "tasks.sweep",
    "tasks.watch",
    "tasks.alert",
    "tasks.pulse",
    "tasks.expire",
    "tasks.release",
    "tasks.partition",
    "tasks.prune",
    "tasks.digest",
    "tasks.survey",
    "tasks.move",
    "tasks.plan",
    "tasks.reconcile",
)

# --- delivery: late, one at a time, given up rather than looped ---------------------
#: A worker that dies hands its message on. The rows would be found anyway.
task_acks_late = True
#: A message whose process was killed is not run again by the broker: it loops for
#: ever, uncounted. The rows come back by themselves, counted.
task_reject_on_worker_lost = False
#: Errors are rows; a message that is refused would only be lost on Redis.
task_acks_on_failure = True
task_acks_on_timeout = True
worker_prefetch_multiplier = 1
worker_eta_task_limit = 100
#: No second copy of a task runs beside the first after the connection was lost.
worker_cancel_long_running_tasks_on_connection_loss = True
broker_connection_retry_on_startup = True
#: Never give up on the broker.
broker_connection_max_retries = None
#: Survive a broker that is full or read-only for a while, instead of exiting.
broker_channel_error_retry = True
#: A ring that cannot be published is dropped: the sweep rings again.
task_publish_retry = False
#: Workers quarantine what they cannot read instead of dying of it.
worker_consumer = "worker.consumer:SafeConsumer"

# --- processes ---------------------------------------------------------------------
#: Against slow leaks; the child is forked again after so many tasks or KiB.
worker_max_tasks_per_child = 2000
worker_max_memory_per_child = 300_000
#: Only before a cold shutdown (QUIT); TERM waits for the running tasks.
worker_soft_shutdown_timeout = 20
worker_enable_soft_shutdown_on_idle = True
#: Our own logging, JSON or console.
worker_hijack_root_logger = False
worker_redirect_stdouts = False

# --- what Flower sees --------------------------------------------------------------
worker_send_task_events = True
task_send_sent_event = False
task_track_started = True
#: Often, and mostly with nothing found: they would push the rest out of sight. What
#: they find is in the log.
task_annotations = {
    "rows.sweep": {"send_events": False},
    "alerts.watch": {"send_events": False},
    "queues.pulse": {"send_events": False},
    "quarantine.move": {"send_events": False},
    "access.expire": {"send_events": False},
    "parked.release": {"send_events": False},
    "notices.plan": {"send_events": False},
    "bodies.partition": {"send_events": False},
    "rows.prune": {"send_events": False},
    "digest.write": {"send_events": False},
    "schema.survey": {"send_events": False},
    "reconciliation.plan": {"send_events": False},
}

# --- the clock ---------------------------------------------------------------------
#: Wake up often enough to notice a stopped clock; ticks may be lost, never doubled
#: in effect: every periodic task does whatever is due.
beat_max_loop_interval = 5
beat_enable_remote_control = True
#: ``rows.sweep``, ``alerts.watch``, ``access.expire`` and the pulses of the queues are
#: added by ``worker/periodic.py``, which knows the settings.
beat_schedule = {
    "parked.release": {"task": "parked.release", "schedule": timedelta(seconds=30)},
    "notices.plan": {"task": "notices.plan", "schedule": timedelta(seconds=30)},
    "bodies.partition": {"task": "bodies.partition", "schedule": timedelta(hours=1)},
    "rows.prune": {"task": "rows.prune", "schedule": timedelta(hours=1)},
    "digest.write": {"task": "digest.write", "schedule": timedelta(minutes=10)},
    "schema.survey": {"task": "schema.survey", "schedule": timedelta(minutes=1)},
    "quarantine.move": {"task": "quarantine.move", "schedule": timedelta(seconds=30)},
    "reconciliation.plan": {
        "task": "reconciliation.plan",
        "schedule": timedelta(seconds=10),
    },
}
#: A sweep that could not be delivered in time is replaced by the next.
SWEEP_EXPIRES_SECONDS = 10
