"""Hostnames of load balancers, as this machine resolves them."""

import socket


def resolve(hostname: str) -> list[str]:
    """Return a hostname's addresses, IPv4 first; none when it does not resolve."""
    try:
        found = socket.getaddrinfo(hostname, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in sorted(found, key=lambda entry: entry[0])))
