"""Checks of whom we tell: the course platform's hook, and the mail server.

Nothing is told: the hook gets a HEAD request, the mail server a greeting.
"""

import smtplib
import ssl
from collections.abc import Iterable

from worker.channels.deadline import Deadline
from worker.channels.errors import UnreachableError
from worker.channels.outgoing_http import (
    ForbiddenAddressError,
    OutgoingHttp,
    Request,
)
from worker.channels.reach import Reach
from worker.channels.smtp import Connection, Route
from worker.doctor import lines
from worker.doctor.check import Check, Severity, Verdict, broken, look, ok, skipped
from worker.doctor.scene import CALL_SECONDS, Scene

#: That HEAD is not known there is no fault: the hook takes POST.
NO_HEAD = 501
HIDDEN = (404, 410)
FAILURES = 500
REDIRECTS = range(300, 400)
HOOK = "mend the server that PLATFORM_HOOK_URL names, or set it to the right address"
MAIL = "mend the server that SMTP_URL names, or set it to the right address"
#: What to look at where a server stops at a step, by the step.
STEPS = {
    "STARTTLS": "begin SMTP_URL with smtp:// or smtps:// if the server wants that",
    "AUTH": "set user and password in SMTP_URL to what the server takes",
}


def _hook(scene: Scene) -> Iterable[Verdict]:
    config = scene.config
    if not config.platform_hook_url:
        yield skipped("PLATFORM_HOOK_URL is not set: the platform reads course_access")
        return
    http = OutgoingHttp(Reach.of(config))
    try:
        request = Request(config.platform_hook_url, {}, b"", method="HEAD")
        status = http.send(request, Deadline(CALL_SECONDS)).status
    except ForbiddenAddressError as error:
        yield broken(
            f"Nothing is sent to the platform: {error}.",
            "set PLATFORM_HOOK_URL to another address",
        )
        return
    except (UnreachableError, TimeoutError, ConnectionError) as error:
        words = f"The platform's hook does not answer ({error})."
        yield broken(words, f"{lines.ask_hook(config)}; {HOOK}")
        return
    finally:
        http.close()
    yield _of_status(status)


def _of_status(status: int) -> Verdict:
    if status in HIDDEN:
        return look(f"The platform's hook answers {status}: is the path right?", HOOK)
    if status in REDIRECTS:
        words = f"The platform's hook answers {status}, and no redirect is followed."
        return broken(words, "set PLATFORM_HOOK_URL to where that leads")
    if status >= FAILURES and status != NO_HEAD:
        return look(f"The platform's hook answers {status}.", HOOK)
    return ok(f"answers ({status} to a HEAD request)")


def _mail(scene: Scene) -> Iterable[Verdict]:
    route = Route.of(scene.config.smtp_url)
    connection = Connection(route, Deadline(CALL_SECONDS))
    mend = f"{lines.ask_mail_server(scene.config)}; {MAIL}"
    try:
        connection.open()
    except ssl.SSLCertVerificationError:
        words = "The mail server's certificate is not to be believed."
        yield look(words, mend)
    except smtplib.SMTPNotSupportedError:
        words = f"The mail server knows no {connection.stage}."
        yield look(words, STEPS.get(connection.stage, mend))
    except smtplib.SMTPResponseException as error:
        words = f"The mail server answers {error.smtp_code} to {connection.stage}."
        yield look(words, STEPS.get(connection.stage, mend))
    except (OSError, smtplib.SMTPException) as error:
        words = (
            f"The mail server gives no answer at {connection.stage}"
            f" ({type(error).__name__})."
        )
        yield look(words, mend)
    else:
        yield ok(_taken(route))
    finally:
        connection.leave()


def _taken(route: Route) -> str:
    secured = {"smtps": ", secured", "smtp+starttls": ", secured"}
    login = ", takes the password" if route.user else ""
    return f"greets{secured.get(route.scheme, '')}{login}"


CHECKS = (
    Check(
        "platform hook",
        "`PLATFORM_HOOK_URL` may be reached and answers. It is asked by HEAD, so that"
        " nothing is told.",
        _hook,
    ),
    Check(
        "mail server",
        "`SMTP_URL` greets, is secured and takes the password where it should. No mail"
        " is sent. Without it people are told late, and access moves all the same.",
        _mail,
        mistake=Severity.LOOK,
    ),
)
