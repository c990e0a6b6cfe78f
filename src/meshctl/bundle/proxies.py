"""What a proxy knows, told shortly: Envoy's own lists are thousands of lines of counters."""

SHOWN = 5000  # lines
HEALTH, SUCCESS, FAILED = "health_flags", "rq_success", "cx_connect_fail"


def endpoints_of(clusters: str) -> str:
    """Return each endpoint of Envoy's `/clusters` with its health, requests answered and connections failed."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for line in clusters.splitlines():
        cluster, _, rest = line.partition("::")  # an IPv6 address may have :: in it
        parts = rest.rsplit("::", 2)
        if len(parts) == 3:
            address, key, value = parts
            if key in (HEALTH, SUCCESS, FAILED):
                found.setdefault((cluster, address), {})[key] = value
    lines = [
        f"{cluster}  {address}  {seen.get(HEALTH, '?')}  answered {seen.get(SUCCESS, '?')}  "
        f"connections failed {seen.get(FAILED, '?')}"
        for (cluster, address), seen in found.items()
        if HEALTH in seen
    ]
    return _bounded(lines)


def listeners_of(listeners: str) -> str:
    """Return Envoy's `/listeners`, which is one line for each."""
    return _bounded(listeners.splitlines())


def _bounded(lines: list[str]) -> str:
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "\n".join([*lines[:SHOWN], *more]) + "\n" if lines else "there is none\n"
