"""What stands around the day: settings, faults of the world outside, and who plays it."""

from pathlib import Path
from typing import TextIO

from worker.demo.cast import SECRET
from worker.demo.goods import FILE
from worker.processes.console import Console
from worker.processes.interrupt import StopRequest
from worker.processes.ports import LOOPBACK, free_port
from worker.processes.stack import Wanted
from worker.settings import ROOT

#: Faults of the world around: one first attempt in so many fails for now.
MAIL_FAULTS = " --temporary-every 7"
PLATFORM_FAULTS = " --refuse-every 6"
PLATFORM_LINE = "platform: python -m worker.channels.platform_sink"
ALERTS_LINE = "alerts: python -m worker.channels.alert_sink"
#: What the alert sink was told, in the state folder.
ALERTS_FILE = "alerts.jsonl"
#: Nothing listens there (discard): the first way out for alerts is always closed.
CLOSED_PORT = 9


def staged(state: Path, stream: TextIO, stop: StopRequest) -> Wanted:
    """Return what shall run: all of ``make up``, and a platform and a channel to play.

    Args:
        state: Where everything keeps its data; a folder that is there.
        stream: Where the processes' log goes.
        stop: Who may ask to stop.
    """
    alerts_port = free_port()
    return Wanted(
        overrides=_overrides(alerts_port),
        procfile=_procfile(state, alerts_port),
        state=state,
        free_ports=True,
        console=Console(stream),
        stop=stop,
    )


def _overrides(alerts_port: int) -> dict[str, str]:
    ways = (CLOSED_PORT, alerts_port)
    return {
        # A day in a minute: waits shrink, everything else is as in production.
        "RETRY_FIRST_SECONDS": "1",
        # Beside what is told by default.
        "NOTIFY_ON": "refund_confirmed,order_confirmation,payment_failed",
        "SWEEP_SECONDS": "1",
        "ALERT_WATCH_SECONDS": "0.5",
        "ALERT_CALM_SECONDS": "1",
        # And a day's forgeries come within one hour, which is worth an alert
        # elsewhere; here they are part of the day, and none of it would ever be over.
        "ALERT_SIGNATURE_REFUSALS": "1000000",
        # What the shop has behind it was paid weeks ago, and is told only now.
        "ALERT_ACCESS_SECONDS": "31536000",
        "ACCESS_EXPIRE_SECONDS": "1",
        # The day's clock runs: what beat compares by the true one would find much of
        # it before its delivery comes. So after its first look nothing is compared
        # until the day is over.
        "RECONCILE_EVENTS_SECONDS": "86400",
        "RECONCILE_RECENT_MINUTES": "1440",
        "PADDLE_REQUESTS_PER_MINUTE": "10000",
        "CATALOG_FILE": str(FILE),
        "LEARNER_SECRETS": SECRET,
        "LEARNER_ADDRESSES_VERIFIED": "true",
        "ALERT_URLS": ",".join(f"json://{LOOPBACK}:{port}/alerts" for port in ways),
        "PLATFORM_HOOK_URL": f"http://{LOOPBACK}:{free_port()}/hook",
        "PLATFORM_HOOK_SECRET": "whsec_cGxheWluZyB0aGUgY291cnNlIHBsYXRmb3Jt",
        "LOG_FORMAT": "console",
    }


def _procfile(state: Path, alerts_port: int) -> Path:
    """Write a Procfile with a mail server and a platform that sometimes refuse."""
    usual = (ROOT / "Procfile.dev").read_text().splitlines()
    lines = [
        f"{line}{MAIL_FAULTS}" if line.startswith("mail:") else line for line in usual
    ]
    lines.append(PLATFORM_LINE + PLATFORM_FAULTS)
    # The file's place comes from the process's settings: it may hold blanks.
    told = f'--port {alerts_port} --file "$STATE_DIR/{ALERTS_FILE}"'
    lines.append(f"{ALERTS_LINE} {told}")
    file = state / "Procfile"
    file.write_text("\n".join(lines) + "\n")
    return file
