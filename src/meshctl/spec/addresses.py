"""Which URLs and IP addresses can be reached from another cluster: pure rules about their text."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

IpAddress = IPv4Address | IPv6Address

SERVER_PATTERN = r"https://[^\s/?#@\\]+/?"
ADDRESS_PATTERN = r"[0-9A-Fa-f:.]+"

_LABEL = r"[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


def server_problem(url: str) -> str:
    """Say why the primary's istiod can't use this URL of an API server; empty when it can.

    The URL is not repeated in the answer: it may hold a password.
    """
    if re.search(r"[\s\\]", url):
        return "must be a URL without blanks or backslashes"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is not a URL; write https://HOST:PORT"
    return _url_problem(parts, port) or host_problem(parts.hostname or "")


def _url_problem(parts: SplitResult, port: int | None) -> str:
    rules = (
        ("@" in parts.netloc, "must not carry a user name or password"),
        (parts.scheme != "https", "must begin with https://"),
        (not parts.hostname, "has no host; write https://HOST:PORT"),
        (port == 0, "has no usable port"),
        (
            parts.path not in {"", "/"} or bool(parts.query or parts.fragment),
            "must end after HOST:PORT; a path leads through a proxy, whose certificate istiod would not trust",
        ),
    )
    return next((text for broken, text in rules if broken), "")


def host_problem(host: str) -> str:
    """Say why no other cluster can reach this host; empty when it may."""
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return f"{host} is loopback: another cluster would reach itself there"
    try:
        return ip_problem(ip_address(name))
    except ValueError:
        pass
    # A name that ends in a number is meant as an address: resolvers disagree about 127.1 or 0x7f.1.
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", name.rpartition(".")[2]):
        return "is not a whole IP address"
    return "" if _HOST.fullmatch(name) and len(name) <= 253 else "has a host that is neither a name nor an IP address"


def host_of(url: str) -> str:
    """Return the host of a URL, empty when there is none or nobody can read it."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def port_of(url: str) -> int | None:
    """Return the port of a URL, None when it says none that is one."""
    try:
        return urlsplit(url).port
    except ValueError:
        return None


def bracketed(address: str) -> str:
    """Return an address or a name as it is written before a port."""
    return f"[{address}]" if ":" in address else address


def is_ip(text: str) -> bool:
    """Say whether `text` is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def ip_problem(ip: IpAddress) -> str:
    """Say why no other cluster can reach this address; empty when it may."""
    if isinstance(ip, IPv6Address):
        if ip.scope_id:
            return f"{ip} has a zone, which means something on one machine only"
        if ip.ipv4_mapped:
            return ip_problem(ip.ipv4_mapped) or f"{ip} is an IPv4 address in disguise; write {ip.ipv4_mapped}"
    rules = (
        (ip.is_unspecified, "unspecified: nothing can be reached there"),
        (ip.is_loopback, "loopback: another cluster would reach itself there"),
        (ip.is_link_local, "link-local: it means something on one network segment only"),
        (ip.is_multicast, "a multicast address"),
    )
    return next((f"{ip} is {text}" for broken, text in rules if broken), "")


def address_problem(text: str) -> str:
    """Say why this can't be a gateway's address; empty when it can."""
    try:
        return ip_problem(ip_address(text))
    except ValueError:
        pass
    if re.fullmatch(r"[0-9.]+:[0-9]+|\[.*\](?::[0-9]+)?", text):
        return "must be an IP address alone; the ports are fixed"
    if re.search(r"[g-zG-Z]", text):
        return (
            "must be an IP address; a host name would make the remote's istiod an ExternalName Service, "
            "which API servers refuse for webhooks"
        )
    return "is not an IP address"


def is_ipv6(text: str) -> bool:
    """Tell IPv6 addresses from the rest."""
    return ":" in text
