"""The page: complete in itself, well formed, and everything in it that came from a server is text."""

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from meshctl.checks.evidence import Evidence
from meshctl.names import THE_ISTIO
from meshctl.render.status.page import status_page
from meshctl.render.status.picture import Picture, narrow, wide
from meshctl.render.status.sketch import Sketch, sketch
from tests.status.meshes import TOKEN, condition, evidence, istio, knowing, mesh, putting, report, silent

VOID = {"meta", "link", "rect", "polyline", "polygon"}
HOSTILE = "</td><script>alert(1)</script><img src=https://evil.example/x onerror=alert(1)>\" '&\x1b[31m"


class Reader(HTMLParser):
    """Reads a page; keeps its tags and attributes, and whether every tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.faults: list[str] = []
        self.feed(text)
        self.close()
        self.faults += [f"{tag} is never closed" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"{tag} is closed out of order")

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile() -> Evidence:
    seen = evidence(mesh())
    there = condition(istio(mesh().primary, is_primary=True), "Ready", "Bad", HOSTILE)
    there["spec"]["values"] = {
        "global": {"meshID": HOSTILE, "network": HOSTILE, "multiCluster": {"clusterName": HOSTILE}}
    }
    there["metadata"]["managedFields"][0]["manager"] = HOSTILE
    return silent(putting(seen, "cluster1", THE_ISTIO, there), "cluster2", HOSTILE)


PAGES = {
    "healthy": status_page(report(evidence(mesh()))),
    "broken": status_page(report(knowing(evidence(mesh(3)), "cluster3", "timeout"), mesh(3))),
    "large": status_page(report(silent(evidence(mesh(29)), "cluster9"), mesh(29))),
    "hostile": status_page(report(hostile())),
    "silent": status_page(report(silent(silent(evidence(mesh()), "cluster1"), "cluster2"))),
}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_well_formed(name: str) -> None:
    assert Reader(PAGES[name]).faults == []


@pytest.mark.parametrize("name", PAGES)
def test_the_page_loads_nothing(name: str) -> None:
    read = Reader(PAGES[name])
    assert "script" not in read.tags
    assert not {"img", "iframe", "object", "a", "form"} & set(read.tags)
    assert [value for name, value in read.attributes if name in ("src", "href") and not value.startswith("data:")] == []
    assert not any(name.startswith("on") for name, _ in read.attributes)
    style = re.findall(r"<style>(.*?)</style>", PAGES[name], re.DOTALL)
    assert not any("url(" in one or "@import" in one for one in style)
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'; img-src data:") in read.attributes


def test_hostile_texts_are_shown_as_texts() -> None:
    read = Reader(PAGES["hostile"])
    assert "<script>alert(1)</script>" in read.text
    assert "\x1b" not in PAGES["hostile"]


def test_no_secret_value_is_in_it() -> None:
    assert not any(TOKEN in page or "PRIVATE KEY" in page for page in PAGES.values())


def test_health_is_said_in_words_and_signs_not_by_colour_alone() -> None:
    text = Reader(PAGES["broken"]).text
    assert "NOT synced" in text
    assert "✗ cluster3" in text
    assert "✓ cluster2" in text


@pytest.mark.parametrize("remotes", [0, 1, 3, 29])
@pytest.mark.parametrize("layout", [wide, narrow])
def test_nothing_is_drawn_outside_of_the_picture(remotes: int, layout: Callable[[Sketch], Picture]) -> None:
    picture = layout(sketch(report(evidence(mesh(remotes)), mesh(remotes))))
    for frame in picture.frames:
        assert frame.x >= 0
        assert frame.x + frame.width <= picture.width
        assert frame.y >= 0
        assert frame.y + frame.height <= picture.height
    for x, y in [point for way in picture.ways for point in way.points]:
        assert 0 <= x <= picture.width
        assert 0 <= y <= picture.height


def test_networks_frame_their_clusters() -> None:
    names = [label.text for label in wide(sketch(report(evidence(mesh(2)), mesh(2)))).labels if label.kind == "name"]
    assert names == ["network1", "network2", "network3"]
