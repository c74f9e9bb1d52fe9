"""What does not go together is said before anybody is asked."""

import pytest

from worker.connect.errors import ConnectError
from worker.connect.plan import plan_of
from worker.errors import SettingsError
from worker.settings import Environment

SANDBOX_KEY = "pdl_sdbx_apikey_01gtgztp8f4kek3yd4g1wrksa3_q6TGTJyvoIz7LDtXT65bX7_AQO"


@pytest.mark.parametrize(
    ("environment", "url", "given", "words"),
    [
        ("production", "https://a.example", {}, "a key of sandbox, not of production"),
        ("sandbox", "http://a.example", {}, "not https"),
        ("sandbox", "https://localhost:8080", {}, "open a tunnel"),
        ("sandbox", "https://192.168.1.7", {}, "open a tunnel"),
        ("sandbox", "https://[fd00::1]:8443/x", {}, "open a tunnel"),
        ("sandbox", "https://169.254.169.254", {}, "open a tunnel"),
        ("sandbox", "ftp://a.example", {}, "no address"),
        ("sandbox", "https://[", {}, "no address"),
        ("sandbox", "https://a.example:port", {}, "no address"),
        ("sandbox", "https://a.example:99999", {}, "no address"),
        ("sandbox", "https://a.example:0", {}, "no address"),
        ("sandbox", "https://a b.example", {}, "no address"),
        ("sandbox", "https://a.example/a b/webhooks/paddle", {}, "no address"),
        ("sandbox", "https://-", {}, "open a tunnel"),
        ("sandbox", "https://-a.example", {}, "open a tunnel"),
        ("sandbox", "https://a..example", {}, "open a tunnel"),
        ("sandbox", "https://localhost.", {}, "open a tunnel"),
        ("sandbox", "https://app.localhost", {}, "open a tunnel"),
        ("sandbox", "https://x.local", {}, "open a tunnel"),
        ("sandbox", "https://x.internal", {}, "open a tunnel"),
        ("sandbox", "https://intranet", {}, "open a tunnel"),
        ("sandbox", "https://127.1", {}, "open a tunnel"),
        ("sandbox", "https://0x7f.1", {}, "open a tunnel"),
        ("sandbox", "https://2130706433", {}, "open a tunnel"),
        ("sandbox", "https://0177.0.0.1", {}, "open a tunnel"),
        ("sandbox", "https://user:pw@a.example", {}, "names a user"),
        (
            "sandbox",
            "https://a.example/shop/",
            {},
            "where a proxy takes /shop away, https://a.example/shop/webhooks/paddle.",
        ),
        (
            "sandbox",
            "https://a.example",
            {"PADDLE_ENVIRONMENT": "production"},
            "PADDLE_ENVIRONMENT is production",
        ),
    ],
    ids=[
        *("mix", "http", "here", "private", "ula", "link", "scheme"),
        *("broken", "port", "high port", "port 0", "blank", "blank in the path"),
        *("dash", "dash first", "two dots", "dot", "localhost", "local", "internal"),
        *("no dot", "short", "hex", "number", "octal", "user", "path", "deployment"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anybody_is_asked(
    environment: str, url: str, given: dict[str, str], words: str
) -> None:
    given = {"PADDLE_API_KEY": SANDBOX_KEY, **given}

    with pytest.raises(ConnectError, match=words.replace("[", r"\[")):
        plan_of(Environment(environment), url, given)


def test_without_a_key_it_says_where_to_make_one() -> None:
    with pytest.raises(SettingsError, match="Developer tools > Authentication"):
        plan_of(Environment.SANDBOX, "https://a.example", {})


@pytest.mark.parametrize(
    ("url", "destination"),
    [
        ("https://a.example/", "https://a.example/webhooks/paddle"),
        ("https://a.example/webhooks/paddle/", "https://a.example/webhooks/paddle"),
        (
            "https://a.example/shop/webhooks/paddle#x",
            "https://a.example/shop/webhooks/paddle",
        ),
        ("HTTPS://Courses.Example", "https://courses.example/webhooks/paddle"),
        ("https://a.example:443/", "https://a.example/webhooks/paddle"),
        ("https://a.example:8443/", "https://a.example:8443/webhooks/paddle"),
        ("https://a.example.", "https://a.example/webhooks/paddle"),
        (
            "https://[2606:4700:0::1111]:443",
            "https://[2606:4700:0::1111]/webhooks/paddle",
        ),
    ],
    ids=["root", "slash", "prefix", "case", "port", "other port", "dot", "ipv6"],
)
def test_the_receiver_is_named_whole(url: str, destination: str) -> None:
    plan = plan_of(Environment.SANDBOX, url, {"PADDLE_API_KEY": SANDBOX_KEY})

    assert plan.destination == destination


@pytest.mark.parametrize("host", ["a.example", "8.8.8.8", "[2606:4700::1111]"])
def test_what_is_on_the_internet_is_taken(host: str) -> None:
    given = {"PADDLE_API_KEY": SANDBOX_KEY}

    plan = plan_of(Environment.SANDBOX, f"https://{host}", given)

    assert plan.destination == f"https://{host}/webhooks/paddle"


@pytest.mark.parametrize("host", ["a.example", "a b", "["])
def test_a_password_in_an_address_is_never_told(host: str) -> None:
    given = {"PADDLE_API_KEY": SANDBOX_KEY}

    with pytest.raises(ConnectError) as raised:
        plan_of(Environment.SANDBOX, f"https://user:pw@{host}/x", given)

    assert "pw" not in str(raised.value)
    assert host in str(raised.value)
