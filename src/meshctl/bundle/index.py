"""The first page of a bundle, and the same for programs: what is in it, what is not and why."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from meshctl import __version__
from meshctl.bundle.question import Missing
from meshctl.render.journal import Opening
from meshctl.render.pages import Data, page
from meshctl.render.text import clock, count, date, one_line, span

VERSION = 1
AT_A_GLANCE = ("conditions/istios.txt", "conditions/istiocnis.txt", "conditions/istiorevisions.txt")
EXPLAINED: Mapping[str, str] = {
    "spec.yaml": "the mesh that was asked for",
    "plan.txt": "what an install would do",
    "preflight.txt": "what the checks before an install say now",
    "diagnosis.txt": "the first broken link, and what follows from it",
    "run/timeline.html": "where the time of the last run went",
    "run/timeline.json": "the same for programs",
    "run/events.jsonl": "the events of the last run",
}


@dataclass(frozen=True, slots=True)
class Contents:
    """A bundle that is ready to be packed: its texts by path, and what is missing. `seconds` is how long it took."""

    opening: Opening
    seconds: float
    files: Mapping[str, str]
    missing: tuple[Missing, ...]
    last_run: tuple[str, ...] = ()


def document(contents: Contents) -> dict[str, object]:
    """Return what is in a bundle as JSON-like data; docs/reference/events.md describes its keys."""
    opening = contents.opening
    return {
        "v": VERSION,
        "type": "bundle",
        "meshctl": opening.meshctl,
        "mesh": one_line(opening.mesh),
        "at": round(opening.at, 3),
        "seconds": round(contents.seconds, 3),
        "clusters": [
            {"name": one.name, "context": one_line(one.context), "network": one.network} for one in opening.clusters
        ],
        "files": [{"path": path, "bytes": len(text.encode())} for path, text in contents.files.items()],
        "missing": [{"path": one.path, "reason": one_line(one.reason)} for one in contents.missing],
    }


def index_json(contents: Contents) -> str:
    """Return it as a file."""
    return json.dumps(document(contents), indent=2) + "\n"


def index_page(contents: Contents, zone: tzinfo = UTC) -> str:
    """Return the page; its links are relative, and lead to plain text."""
    opening = contents.opening
    names = [one.name for one in opening.clusters]
    general = {path: text for path, text in contents.files.items() if path.partition("/")[0] not in names}
    return page(
        "bundle.html.j2",
        {
            "mesh": opening.mesh,
            "when": f"{date(opening.at, zone)}, {clock(opening.at, zone)}",
            "iso": datetime.fromtimestamp(opening.at, UTC).isoformat(timespec="seconds"),
            "made_by": __version__,
            "summary": f"{count(len(contents.files), 'file')}, collected in {span(contents.seconds)}; "
            f"{len(contents.missing) or 'nothing'} missing",
            "last_run": contents.last_run,
            "missing": [{"path": one.path, "reason": one.reason} for one in contents.missing],
            "general": _files(general, EXPLAINED),
            "clusters": [_cluster(one.name, one.context, one.network, contents) for one in opening.clusters],
        },
    )


def _cluster(name: str, context: str, network: str, contents: Contents) -> Mapping[str, Data]:
    prefix = f"{name}/"
    own = {path.removeprefix(prefix): text for path, text in contents.files.items() if path.startswith(prefix)}
    version, *server = own.get("version.txt", "").splitlines() or [""]
    glance = [line for path in AT_A_GLANCE for line in own.get(path, "").splitlines() if own[path] != "there is none\n"]
    return {
        "name": name,
        "context": context,
        "network": network,
        "version": version or "did not answer",
        "server": server[0] if server else "",
        "glance": tuple({"text": line, "below": line.startswith(" ")} for line in glance),
        "groups": [
            {"title": title, "files": _files({path: own[path] for path in paths}, {}, prefix)}
            for title, paths in _groups(own).items()
        ],
    }


def _groups(paths: Iterable[str]) -> dict[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for path in sorted(paths):
        found.setdefault(path.partition("/")[0] if "/" in path else "general", []).append(path)
    return dict(found)


def _files(files: Mapping[str, str], explained: Mapping[str, str], prefix: str = "") -> tuple[Data, ...]:
    return tuple(
        {"path": path, "href": prefix + path, "about": explained.get(path, ""), "size": _size(len(text.encode()))}
        for path, text in files.items()
    )


def _size(number: int) -> str:
    return f"{number} bytes" if number < 1000 else f"{number / 1000:.0f} kB"
