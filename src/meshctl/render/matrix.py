"""The result of a verification: as a table for people, as a document and as test cases for programs."""

from typing import Any

from meshctl.render.junit import Case
from meshctl.render.text import count, one_line, several
from meshctl.verification import Matrix

VERSION = 1
MISSING = "MISSING"
WIDEST = 8
"""How many columns a reader can take in; a larger mesh gets a sentence per cluster."""


def table(matrix: Matrix) -> str:
    """Return the matrix, its result in a sentence, and what is likely open for each missing pair."""
    rows = _grid(matrix) if len(matrix.versions) <= WIDEST else _sentences(matrix)
    return "\n".join([*rows, "", *_result(matrix)])


def document(matrix: Matrix) -> dict[str, Any]:
    """Return the matrix as JSON-like data; docs/reference/events.md describes its keys."""
    return {
        "v": VERSION,
        "type": "verification",
        "complete": matrix.complete(),
        "clusters": list(matrix.clusters),
        "versions": list(matrix.versions),
        "requests": matrix.requests,
        "answers": [
            {"from": cluster, "version": version, "count": matrix.count(cluster, version)}
            for cluster, version in matrix.pairs()
        ],
        "missing": [
            {"from": cluster, "version": version, "hint": _hint(matrix, cluster, version)}
            for cluster, version in matrix.missing()
        ],
    }


def cases(matrix: Matrix, seconds: float = 0.0) -> tuple[Case, ...]:
    """Return one test case per pair; `seconds` is how long the requests of one cluster took."""
    share = seconds / len(matrix.versions) if matrix.versions else 0.0
    return tuple(
        Case(
            suite=f"from {cluster}",
            case=f"{cluster} -> {_column(matrix, version)}",
            seconds=share,
            failure=None if matrix.count(cluster, version) else _complaint(matrix, cluster, version),
        )
        for cluster, version in matrix.pairs()
    )


def _grid(matrix: Matrix) -> list[str]:
    heads = [_column(matrix, version) for version in matrix.versions]
    widths = [max(len(head), len(MISSING)) for head in heads]
    corner = "from \\ to"
    first = max(len(name) for name in (corner, *matrix.clusters))
    lines = [_row(corner, first, heads, widths)]
    for cluster in matrix.clusters:
        cells = [str(matrix.count(cluster, version) or MISSING) for version in matrix.versions]
        lines.append(_row(cluster, first, cells, widths))
    return lines


def _row(name: str, first: int, cells: list[str], widths: list[int]) -> str:
    return "  ".join([f"{name:<{first}}", *(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))])


def _sentences(matrix: Matrix) -> list[str]:
    width = max((len(name) for name in matrix.clusters), default=0)
    return [f"{name:<{width}}  {_sentence(matrix, name)}" for name in matrix.clusters]


def _sentence(matrix: Matrix, cluster: str) -> str:
    silent = [_column(matrix, version) for origin, version in matrix.missing() if origin == cluster]
    everyone = len(matrix.versions)
    if not silent:
        least = min(matrix.count(cluster, version) for version in matrix.versions)
        return f"{everyone} of {everyone} versions answered, each at least {count(least, 'time')}"
    return f"{everyone - len(silent)} of {everyone} versions answered, {MISSING}: {several(silent, 'version')}"


def _result(matrix: Matrix) -> list[str]:
    sent = f"{count(matrix.requests, 'request')} from each cluster"
    if matrix.complete():
        return [f"Every version answered every cluster ({sent})."]
    missing = matrix.missing()
    if not missing:
        return ["Nothing was asked."]
    lines = [f"{count(len(missing), 'pair')} of {len(matrix.pairs())} missing ({sent}):"]
    for cluster, version in missing:
        lines.append(f"  {cluster} -> {_column(matrix, version)}: never answered")
        hint = _hint(matrix, cluster, version)
        lines.extend([f"      likely  {hint}"] if hint else [])
    return lines


def _complaint(matrix: Matrix, cluster: str, version: str) -> str:
    hint = _hint(matrix, cluster, version)
    never = f"{version} never answered {count(matrix.requests, 'request')} from {cluster}"
    return f"{never}\nlikely: {hint}" if hint else never


def _hint(matrix: Matrix, cluster: str, version: str) -> str:
    return one_line(matrix.hints.get((cluster, version), ""))


def _column(matrix: Matrix, version: str) -> str:
    home = matrix.home(version)
    return f"{version} ({home})" if home else version
