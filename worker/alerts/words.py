"""What an alert says: what is wrong, since when, whom it touches, what to type next.

Names that stand in it may come from strangers. They can neither end a line nor turn
the text around, and none of them is long.
"""

from datetime import UTC

from models.alerts import MessageKind
from worker.alerts.open_alert import OpenAlert
from worker.alerts.stakes import Stakes, sentence
from worker.settings import Settings

MOST_SUMMARY_CHARS = 500
MOST_TITLE_CHARS = 150
_HEADS = {
    MessageKind.OPENED: "{severity}: ",
    MessageKind.WORSE: "WORSE, {severity}: ",
    MessageKind.REMINDER: "STILL {severity}: ",
    MessageKind.RESOLVED: "OVER: ",
}


def clean(text: str, most: int = MOST_SUMMARY_CHARS) -> str:
    """Return a text on one line, with what could mislead made visible, and cut.

    Shown as escapes: controls, line ends, bidirectional and zero-width marks, odd
    blanks, surrogates.
    """
    shown = "".join(
        c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[: most + 1]
    )
    return shown if len(text) <= most and len(shown) <= most else shown[:most] + "…"


def title_of(kind: MessageKind, alert: OpenAlert, config: Settings) -> str:
    """Return the line that is read first."""
    environment = config.paddle_environment.value
    place = "" if environment == "production" else f"[{environment}] "
    head = _HEADS[kind].format(severity=alert.severity.upper())
    return clean(f"{place}{head}{alert.summary}", MOST_TITLE_CHARS)


def body_of(
    kind: MessageKind, alert: OpenAlert, stakes: Stakes | None, config: Settings
) -> str:
    """Return the message.

    Args:
        kind: What is told about the alert.
        alert: The alert.
        stakes: Whom it touches; None where that could not be found out.
        config: Says where the runbooks are.
    """
    lines = [alert.summary, *_life(kind, alert)]
    if kind is not MessageKind.RESOLVED:
        lines += [
            _stakes_line(stakes),
            "Do next:",
            *(f"  {step}" for step in alert.next_steps),
            f"Runbook: {runbook_of(alert.kind, config)}",
            f"More: ./paddlewheel alerts show {alert.id}",
            f"No more reminders: ./paddlewheel alerts ack {alert.id}",
        ]
    else:
        lines.append(f"Its story: ./paddlewheel alerts show {alert.id}")
    return "\n".join(lines)


def runbook_of(kind: str, config: Settings) -> str:
    """Return where the page about a kind of alert is."""
    base = (config.alert_runbooks_url or "docs/runbooks").rstrip("/")
    return f"{base}/{kind.replace('_', '-')}.md"


def span(seconds: float) -> str:
    """Return a span of time in its two largest units: ``2 h 5 min``."""
    left = max(0, round(seconds))
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        amount, left = divmod(left, size)
        if amount:
            parts.append(f"{amount} {unit}")
    return " ".join(parts[:2]) or "0 s"


def _life(kind: MessageKind, alert: OpenAlert) -> list[str]:
    lasted = span((alert.now - alert.began_at).total_seconds())
    began = alert.began_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    if kind is MessageKind.RESOLVED:
        most = f", at most {alert.peak:,} at a time" if alert.peak > 1 else ""
        return [f"It is over. It began {began} and lasted {lasted}{most}."]
    grew = f" (at most {alert.peak:,})" if alert.peak > alert.count else ""
    counted = f" Count: {alert.count:,}{grew}." if alert.peak > 1 else ""
    return [f"Since {began}, that is {lasted}.{counted}"]


def _stakes_line(stakes: Stakes | None) -> str:
    if stakes is None:
        return "Whom it touches could not be found out."
    return f"Touches {sentence(stakes)}."
