"""WhatsApp: a message from an approved template, over the Cloud API.

Nothing else may be sent to somebody who has not written first. The API knows no
idempotency key: ``biz_opaque_callback_data`` only comes back with what it tells later of
a message. So from the first byte of a request on only its own answer gives certainty.
Source: https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Self

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from pydantic import SecretStr

from models.outgoing import NotificationState
from worker.channels.codes import error_of, of_whatsapp
from worker.channels.contract import Message
from worker.channels.deadline import Deadline
from worker.channels.letter import without_controls
from worker.channels.outgoing_http import Answer, OutgoingHttp, Request
from worker.channels.reach import Reach
from worker.errors import PaddlewheelError, PermanentError
from worker.lifecycle import Ending
from worker.retry_after import pause_of
from worker.settings import Settings

log = structlog.get_logger()

#: E.164: a plus, the country, 15 digits at most.
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
#: Used where the template is not approved in the person's language.
LAST_LANGUAGE = "en_US"
LOCALE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{2}))?")
#: The template does not exist in that language; nothing was sent.
NO_TEMPLATE = 132001
#: There is no such thing as the number that it should be sent from.
NO_NUMBER = 33
#: A message has 1,024 characters at most, with the template's own.
LONGEST_SHOP, LONGEST_COURSE, LONGEST_NEWS = 80, 150, 600
#: The API refuses an empty parameter.
NOTHING = "–"
LONGEST_CALLBACK_DATA = 512
OK, SERVER_ERROR = 2, 5


class WhatsApp:
    """The Cloud API; see ``worker.channels.contract.Channel``."""

    takes_key: ClassVar = False

    def __init__(
        self, address: str, token: SecretStr, template: str, reach: Reach
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            address: Of the number that it sends from, ``…/{phone number id}``.
            token: Its access token.
            template: Name of the approved template.
            reach: How far requests may go.
        """
        self._url = f"{address}/messages"
        self._token = token
        self._template = template
        self._http = OutgoingHttp(reach)
        #: Languages in which there is no template; not asked for again in this run.
        self._missing: set[str] = set()

    @classmethod
    def of(cls, config: Settings) -> Self:
        """Send from the number of the settings."""
        return cls(
            f"{config.whatsapp_api_url.rstrip('/')}/{config.whatsapp_phone_number_id}",
            config.whatsapp_token or SecretStr(""),
            config.whatsapp_template,
            Reach.of(config),
        )

    def __enter__(self) -> Self:
        """Use it for one run; nothing is opened yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._http.close()

    def deliver(
        self, message: Message, deadline: Deadline, begin: Callable[[], None]
    ) -> Ending:
        """Hand one message to the API; see the contract."""
        if not NUMBER.fullmatch(message.recipient.address):
            raise PermanentError("the learner's number is none of E.164")
        attempt = _Attempt(begin)
        try:
            answer = self._ask(message, deadline, attempt)
        except SoftTimeLimitExceeded:
            raise
        except Exception as error:
            if not attempt.is_out:
                raise
            # Whatever it is, the message may be out.
            return _doubt(f"the answer: {type(error).__name__}")
        return _ending_of(answer)

    def _ask(self, message: Message, deadline: Deadline, attempt: "_Attempt") -> Answer:
        """Send it in the nearest language in which there is a template."""
        languages = languages_of(message.recipient.locale)
        wanted = [one for one in languages if one not in self._missing]
        for language in wanted or languages[-1:]:
            answer = self._http.send(
                self._request(message, language), deadline, attempt
            )
            if _code_of(answer) != NO_TEMPLATE:
                break
            self._missing.add(language)
            attempt.is_out = False
        return answer

    def _request(self, message: Message, language: str) -> Request:
        parameters = [{"type": "text", "text": one} for one in parameters_of(message)]
        content = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": message.recipient.address,
            "type": "template",
            "template": {
                "name": self._template,
                "language": {"code": language},
                "components": [{"type": "body", "parameters": parameters}],
            },
            "biz_opaque_callback_data": message.key[:LONGEST_CALLBACK_DATA],
        }
        headers = {
            "authorization": f"Bearer {self._token.get_secret_value()}",
            "content-type": "application/json",
        }
        return Request(self._url, headers, json.dumps(content).encode())


class _Attempt:
    """Notes, before the first byte of the first request, that the message may be out."""

    def __init__(self, begin: Callable[[], None]) -> None:
        self._begin: Callable[[], None] | None = begin
        self.is_out = False

    def __call__(self) -> None:
        if self._begin is not None:
            self._begin()
            self._begin = None
        self.is_out = True


def parameters_of(message: Message) -> list[str]:
    """Return what stands for ``{{1}}``, ``{{2}}`` and ``{{3}}`` of the template.

    The learner's name is not among them: with a name that says something, and somebody
    else's number, a stranger would have the shop say it there.
    """
    facts = message.facts
    news = f"{message.words.subject.rstrip('.')}. {message.words.why}"
    return [
        clean(facts.get("shop", ""), LONGEST_SHOP),
        clean(facts.get("course", ""), LONGEST_COURSE),
        clean(news, LONGEST_NEWS),
    ]


def clean(text: str, longest: int) -> str:
    """Return a text that a parameter may have: one line, no runs of blanks, not empty."""
    return without_controls(text)[:longest].strip() or NOTHING


def languages_of(locale: str) -> list[str]:
    """Return where a template is looked for: ``pt_BR``, ``pt``, ``en_US``."""
    found = LOCALE.fullmatch(locale)
    if found is None:
        return [LAST_LANGUAGE]
    language, region = found[1].lower(), (found[2] or "").upper()
    near: Iterable[str] = (f"{language}_{region}" if region else "", language)
    return [*dict.fromkeys(one for one in (*near, LAST_LANGUAGE) if one)]


def _ending_of(answer: Answer) -> Ending:
    """Sort an answer.

    Raises:
        PaddlewheelError: The API says that it has not taken the message.
    """
    kind = answer.status // 100
    if kind == OK:
        if _has_message(_read(answer)):
            return Ending(NotificationState.SENT)
        return _doubt(f"answered {answer.status} without a message")
    code = _code_of(answer)
    if kind == SERVER_ERROR and code is None:
        # Of something before the API, which may have handed the request on.
        return _doubt(f"answered {answer.status}, not the API itself")
    raise _refusal_of(answer, code)


def _refusal_of(answer: Answer, code: int | None) -> PaddlewheelError:
    said = "" if code is None else f", code {code}"
    return error_of(
        of_whatsapp(answer.status, code),
        f"answered {answer.status}{said}",
        pause_of(answer.retry_after),
    )


def _doubt(reason: str) -> Ending:
    log.warning("whatsapp_in_doubt", error=reason)
    return Ending(NotificationState.DOUBTFUL, reason)


def _read(answer: Answer) -> Any:  # noqa: ANN401 (JSON of another side)
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def _has_message(said: Any) -> bool:  # noqa: ANN401 (JSON of another side)
    match said:
        case {"messages": [{"id": str(given)}, *_]}:
            return bool(given)
        case _:
            return False


def _code_of(answer: Answer) -> int | None:
    match _read(answer):
        case {"error": {"code": 100, "error_subcode": 33}}:
            # The number's id is unknown: about us, where 100 alone is about a message.
            return NO_NUMBER
        case {"error": {"code": int(code)}}:
            return code
        case _:
            return None
