"""A status report as one self-contained HTML page: the same picture and tables as in the terminal."""

from meshctl.checks.finding import Finding
from meshctl.checks.status.model import Health, StatusReport
from meshctl.render.pages import Data, page
from meshctl.render.status.picture import Picture, narrow, wide
from meshctl.render.status.sketch import sketch
from meshctl.render.status.tables import Table, tables
from meshctl.render.status.words import heading, unjudged, verdict

CLASSES = {Health.WELL: "well", Health.WARNING: "warn", Health.BROKEN: "bad", Health.UNKNOWN: "odd"}


SHORT = ("Resources", "Versions")
"""Tables that fit a phone as they are; of the others each row becomes a list there."""


def status_page(report: StatusReport) -> str:
    """Return the page."""
    drawn = sketch(report)
    shown = report.installed
    return page(
        "status.html.j2",
        {
            "verdict": verdict(report),
            "overall": CLASSES[report.overall],
            "when": f"{report.at:%Y-%m-%d %H:%M:%S} UTC",
            "pictures": [_picture("wide", wide(drawn)), _picture("narrow", narrow(drawn))] if shown else [],
            "tables": [_table(table) for table in tables(report)] if shown else [],
            "heading": heading(report),
            "problems": [_finding(one) for one in report.problems],
            "broken": [_finding(one) for one in report.broken],
            "install": f"meshctl install {report.options}" if not shown else "",
            "hidden": [
                *(text for cluster in report.clusters for text in cluster.hidden),
                *unjudged(report),
            ],
        },
    )


def _picture(name: str, one: Picture) -> Data:
    return {
        "name": name,
        "width": round(one.width),
        "height": round(one.height),
        "frames": [
            {
                "kind": frame.kind,
                "health": CLASSES[frame.health],
                "x": round(frame.x),
                "y": round(frame.y),
                "width": round(frame.width),
                "height": round(frame.height),
            }
            for frame in one.frames
        ],
        "ways": [
            {"points": _points(way.points), "head": _points(way.head), "health": CLASSES[way.health]}
            for way in one.ways
        ],
        "labels": [
            {
                "kind": label.kind,
                "health": CLASSES[label.health],
                "anchor": label.anchor,
                "x": round(label.x),
                "y": round(label.y),
                "text": label.text,
            }
            for label in one.labels
        ],
    }


def _points(points: tuple[tuple[float, float], ...]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)


def _table(table: Table) -> Data:
    heads: list[Data] = [head.capitalize().replace("Sha-256", "SHA-256").replace("Api", "API") for head in table.heads]
    rows: list[Data] = [
        [
            {"text": cell.text, "head": head, "health": CLASSES[cell.health]}
            for head, cell in zip(heads, row, strict=True)
        ]
        for row in table.rows
    ]
    return {"title": table.title, "heads": heads, "rows": rows, "stack": table.title not in SHORT}


def _finding(one: Finding) -> Data:
    return {
        "severity": str(one.severity),
        "cluster": one.cluster,
        "code": one.code,
        "text": one.text,
        "hint": one.hint,
        "command": one.command,
        "evidence": list(one.evidence),
    }
