"""What is sent fits the service, after it was escaped for it."""

import pytest
from apprise import NotifyFormat, OverflowMode

from worker.alerts import envoy, inert
from worker.alerts.envoy import fitted, read

#: apprise itself uses it, and only there.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is:DeprecationWarning")
SERVICES = {
    "discord": "discord://123456/token",
    "google chat": "gchat://workspace/key/token",
    "json": "json://127.0.0.1/x",
    "mail": "mailto://u:p@example.com",
    "pagerduty": f"pagerduty://{'k' * 32}@{'a' * 20}",
    "rocketchat": "rocket://u:p@example.com/%23room",
    "slack": "slack://TAAAAAAAA/BAAAAAAAA/aaaaaaaaaaaaaaaaaaaaaaaa/",
    "telegram": "tgram://123456789:abcdefg_hijklmnop/12315544/",
}
#: Three to five times as long once it is escaped.
BODY = "<&*_[" * 700


@pytest.mark.parametrize("url", SERVICES.values(), ids=SERVICES.keys())
def test_an_escaped_text_is_one_message_of_the_service(url: str) -> None:
    service = read(url)
    assert service is not None
    title = "<Mail> is refused"
    cut = fitted(service, title, BODY)
    [whole] = service._build_send_calls(
        title=title, body=cut, body_format=NotifyFormat.TEXT
    )
    [bounded] = service._build_send_calls(
        title=title,
        body=cut,
        body_format=NotifyFormat.TEXT,
        overflow=OverflowMode.TRUNCATE,
    )
    # What Google Chat's own dialect adds, apprise cuts between escapes.
    if url != SERVICES["google chat"]:
        assert whole["body"] == bounded["body"], "apprise has nothing to cut"
    assert len(bounded["body"]) <= service.body_maxlen
    assert cut == BODY or cut.endswith("…")
    assert cut == BODY or len(cut) > service.body_maxlen // 8


def test_what_fits_stays_whole() -> None:
    service = read("json://127.0.0.1/x")
    assert service is not None
    assert fitted(service, "Title", BODY) == BODY


def test_redirects_are_followed_only_where_the_address_asks_for_it() -> None:
    for url, followed in (("json://h/x", False), ("json://h/x?redirect=yes", True)):
        service = read(url)
        assert service is not None
        assert service.redirects is followed


def test_both_ends_cut_with_the_same_sign() -> None:
    assert envoy.CUT == inert.CUT
