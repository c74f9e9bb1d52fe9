"""Which addresses a request may go to that a setting sends out.

A setting may name a host whose address somebody else decides (DNS), and from inside a
network more can be reached than from outside: the metadata service of a cloud hands out
its keys to whoever asks. So addresses are judged, not names, and only after the name is
resolved; ``0x7f.1`` and other spellings are then the same as any.
Source: the registries of IANA for special-purpose addresses (RFC 6890).
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self
from urllib.parse import urlsplit

from worker.settings import Settings

Ip = IPv4Address | IPv6Address


def _networks(*named: str) -> tuple[IPv6Network, ...]:
    """Return networks, those of IPv4 as IPv6 maps them: one comparison for both."""
    found = []
    for name in named:
        net = ip_network(name)
        if net.version == 4:  # noqa: PLR2004 (of the protocol)
            name = f"::ffff:{net.network_address}/{96 + net.prefixlen}"  # noqa: PLW2901
        found.append(IPv6Network(name))
    return tuple(found)


#: Where clouds tell a machine its own secrets, outside of the link-local ranges:
#: Alibaba, Oracle, Azure; AWS and Google over IPv6.
METADATA = _networks(
    *("100.100.100.200/32", "192.0.0.192/32", "168.63.129.16/32"),
    *("fd00:ec2::254/128", "fd20:ce::254/128"),
)
#: Unspecified, link-local, protocol, documentation, benchmarks, multicast, reserved.
NEVER = _networks(
    *("0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24"),
    *("192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/4", "240.0.0.0/4", "::/128", "100::/64", "2001:10::/28"),
    *("2001:20::/28", "2001:2::/48", "2001:db8::/32", "3fff::/20", "5f00::/16"),
    *("64:ff9b:1::/48", "fe80::/10", "fec0::/10", "ff00::/8"),
)
LOOPBACK = _networks("127.0.0.0/8", "::1/128")
#: With the range that carriers and private overlays share (RFC 6598).
PRIVATE = _networks(
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"
)
#: Well-known prefixes of translation to IPv4 (RFC 6052; 2765, SIIT).
TRANSLATED = _networks("64:ff9b::/96", "::ffff:0:0:0/96")
#: The last four bytes are an address of IPv4 (RFC 4291, 2.5.5.1; deprecated).
COMPATIBLE = IPv6Network("::/96")


@dataclass(frozen=True, slots=True)
class Reach:
    """How far requests may go."""

    private: bool
    loopback: bool
    #: Over plain HTTP to the whole world.
    plain: bool

    @classmethod
    def of(cls, config: Settings) -> Self:
        """Read it from the settings."""
        local = config.paddle_environment == "local"
        return cls(
            private=local or config.outgoing_private, loopback=local, plain=local
        )

    def problem_of(self, address: str, scheme: str = "https") -> str | None:
        """Say why no request may go to a resolved address; None: it may."""
        for ip in _meant(ip_address(address)):
            if problem := self._problem(ip, scheme):
                return problem
        return None

    def _problem(self, ip: IPv6Address, scheme: str) -> str | None:
        if _in(ip, METADATA) or _in(ip, NEVER):
            return "a link-local, metadata or reserved address, which nothing allows"
        if _in(ip, LOOPBACK):
            return (
                None
                if self.loopback
                else "this machine, which only PADDLE_ENVIRONMENT=local allows"
            )
        if _in(ip, PRIVATE):
            return (
                None
                if self.private
                else "a private network, which only OUTGOING_PRIVATE=true allows"
            )
        plain = ip.ipv4_mapped or ip
        if plain.is_reserved or not plain.is_global:
            return "a reserved address, which nothing allows"
        if scheme != "https" and not self.plain:
            return "the internet over http: use https"
        return None


def doubts_of(config: Settings) -> list[str]:
    """Return a sentence for each setting whose address is written out and forbidden.

    Names are resolved when something is to be sent, and may lead elsewhere by then.
    """
    given = {"PLATFORM_HOOK_URL": config.platform_hook_url}
    if config.whatsapp_token:
        given["WHATSAPP_API_URL"] = config.whatsapp_api_url
    sentences = []
    for name, address in given.items():
        url = urlsplit(address or "")
        with suppress(ValueError):
            if problem := Reach.of(config).problem_of(url.hostname or "", url.scheme):
                sentences.append(f"{name}: nothing is sent, it leads to {problem}.")
    return sentences


def _meant(ip: Ip) -> Iterable[IPv6Address]:
    """Return the addresses to which packets for one may really go.

    Translators and tunnels of the network hand on what is wrapped into IPv6.
    """
    if isinstance(ip, IPv4Address):
        return [_mapped(ip)]
    # Without the scope, which is this machine's word for one of its links.
    plain = IPv6Address(int(ip))
    if plain.sixtofour:
        return [_mapped(plain.sixtofour)]
    if plain.teredo:
        return [_mapped(one) for one in plain.teredo]
    if _in(plain, TRANSLATED):
        return [_mapped(IPv4Address(int(plain) & 0xFFFF_FFFF))]
    if plain in COMPATIBLE and int(plain) > 1:
        return [IPv6Address("::")]
    return [plain]


def _mapped(ip: IPv4Address) -> IPv6Address:
    return IPv6Address(f"::ffff:{ip}")


def _in(ip: IPv6Address, networks: Iterable[IPv6Network]) -> bool:
    return any(ip in network for network in networks)
