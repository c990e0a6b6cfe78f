"""The lines of `--verbose`, one per request to an API server; a sink's `note` fits them around a live display."""

import re
from datetime import UTC, tzinfo

from meshctl.cluster import Request
from meshctl.render.plain import row

_HARMLESS = ("watch", "dryRun", "fieldManager", "fieldSelector", "force", "labelSelector", "resourceVersion")
_PAIR = re.compile(r"([^=&]+)(=[^&]*)?")


def request_line(request: Request, at: float, zone: tzinfo = UTC) -> str:
    """Return one request as a line: method, path, status, milliseconds.

    Of the query only what is known to be harmless is shown: a command sent to a container is nobody's business.
    """
    answer = str(request.status) if request.status else "no answer"
    took = f"{round(request.milliseconds)} ms"
    return row(at, request.cluster, "request", f"{request.method} {_shown(request.path)} {answer} {took}", zone)


def _shown(path: str) -> str:
    place, _, query = path.partition("?")
    pairs = [found[0] for found in _PAIR.finditer(query) if found[1] in _HARMLESS]
    return f"{place}?{'&'.join(pairs)}" if pairs else place
