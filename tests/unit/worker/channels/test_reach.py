"""Which addresses a request may go to."""

from collections.abc import Callable

import pytest

from tests.fixtures.platform import SECRET
from worker.channels.reach import Reach, doubts_of
from worker.settings import Settings

WORLD = Reach(private=False, loopback=False, plain=False)
PRIVATE = Reach(private=True, loopback=False, plain=False)
LOCAL = Reach(private=True, loopback=True, plain=True)

#: Whatever is set.
NEVER = [
    *("0.0.0.0", "0.1.2.3", "::", "::2", "::7f00:1", "::a9fe:a9fe"),
    *("169.254.0.1", "169.254.169.254", "169.254.170.2", "100.100.100.200"),
    *("192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254"),
    *("fe80::1", "fe80::1%lo", "febf::1", "fec0::1"),
    # Assigned to nobody.
    *("1000::1", "4000::1", "8000::1", "e000::1"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("ff02::1", "ff0e::1", "192.0.2.1", "198.51.100.7", "203.0.113.9"),
    *("198.18.0.1", "198.19.255.255", "192.88.99.1", "2001:db8::1", "3fff::1"),
    *("100::1", "5f00::1", "64:ff9b:1::a00:1"),
    # The same, wrapped: mapped, NAT64, 6to4, SIIT, Teredo (server, and client inverted).
    *("::ffff:169.254.169.254", "::ffff:0.0.0.0", "::ffff:6464:64c8"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1"),
    *("::ffff:0:169.254.169.254", "::ffff:0:6464:64c8"),
    *("2001:0:a9fe:a9fe::1", "2001:0:808:808:0:0:5601:5601"),
]
LOOPBACK = [
    *("127.0.0.1", "127.1.2.3", "127.255.255.255", "::1"),
    *("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
    "::ffff:0:127.0.0.1",
]
NETWORKS = [
    *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("100.64.0.1", "100.127.255.255", "fc00::1", "fd12:3456::1"),
    *("::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:c0a8:101::1"),
    "::ffff:0:10.0.0.1",
]
PUBLIC = [
    *("8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.0", "172.15.255.255"),
    *("172.32.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1"),
    *("169.253.255.255", "169.255.0.0", "223.255.255.255", "192.167.255.255"),
    *("2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808"),
    *("2002:808:808::1", "::ffff:0:8.8.8.8"),
]


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_refused_whatever_is_set(address: str) -> None:
    for reach in (WORLD, PRIVATE, LOCAL):
        assert "nothing allows" in str(reach.problem_of(address))


@pytest.mark.parametrize("address", LOOPBACK)
def test_this_machine_is_only_reached_locally(address: str) -> None:
    for reach in (WORLD, PRIVATE):
        assert "PADDLE_ENVIRONMENT=local" in str(reach.problem_of(address))
    assert LOCAL.problem_of(address, "http") is None


@pytest.mark.parametrize("address", NETWORKS)
def test_private_networks_need_a_setting(address: str) -> None:
    assert "OUTGOING_PRIVATE=true" in str(WORLD.problem_of(address))
    for reach in (PRIVATE, LOCAL):
        assert reach.problem_of(address, "http") is None


@pytest.mark.parametrize("address", PUBLIC)
def test_the_world_is_reached_over_https(address: str) -> None:
    assert WORLD.problem_of(address) is None
    for reach in (WORLD, PRIVATE):
        assert "use https" in str(reach.problem_of(address, "http"))
    assert LOCAL.problem_of(address, "http") is None


@pytest.mark.parametrize(
    ("environment", "private", "url", "said"),
    [
        ("sandbox", False, "https://10.0.0.7/hook", "OUTGOING_PRIVATE=true"),
        ("sandbox", True, "http://10.0.0.7/hook", None),
        ("sandbox", True, "https://[::1]/hook", "PADDLE_ENVIRONMENT=local"),
        ("local", False, "http://127.0.0.1/hook", None),
        ("local", True, "http://169.254.169.254/hook", "nothing allows"),
        # What a name leads to is known when something is sent.
        ("sandbox", False, "https://platform.example/hook", None),
    ],
)
def test_a_setting_that_leads_nowhere_is_told_of(
    make_settings: Callable[..., Settings],
    environment: str,
    private: bool,  # noqa: FBT001 (of the table)
    url: str,
    said: str | None,
) -> None:
    config = make_settings(
        paddle_environment=environment,
        outgoing_private=private,
        platform_hook_url=url,
        platform_hook_secret=SECRET,
    )
    told = doubts_of(config)
    assert [said in one for one in told if said] == [True] * bool(said)
    assert len(told) == bool(said)
    assert all(one.startswith("PLATFORM_HOOK_URL: ") for one in told)
