"""The screen: it fits whatever terminal there is, says everything without colour, and lets nothing hostile through."""

from dataclasses import replace

import pytest

from meshctl.certs.material import Severity
from meshctl.checks.evidence import SLICES, Evidence
from meshctl.checks.finding import Finding
from meshctl.names import THE_ISTIO
from meshctl.render.status.paper import Pen, ascii_pen, pen_for, writable
from meshctl.render.status.text import status_text
from tests.status.meshes import condition, evidence, istio, knowing, listing, mesh, putting, report, silent

WIDTHS = (40, 60, 80, 100, 200)


def screen(seen: Evidence, remotes: int = 1, pen: Pen | None = None) -> str:
    return status_text(report(seen, mesh(remotes)), pen or Pen(100)).plain


def test_a_healthy_mesh_of_two() -> None:
    text = screen(evidence(mesh()), pen=Pen(80))
    assert text.splitlines()[0] == "✓ mesh1 is healthy: 2 clusters, Istio 1.28.6, managed by meshctl"
    assert text.splitlines()[2:7] == [
        "┌─ ✓ cluster1 ────────────────┐                 ┌─ ✓ cluster2 ────────────────┐",
        "│ primary, network1           │                 │ remote, network2            │",
        "│ istiod  1/1 ready           │ ─── synced ───▶ │ API     https://10.0.2.1:6… │",
        "│ gateway 172.18.1.1, 1/1     │ ◀──── xDS ───── │ gateway 172.18.2.1, 1/1     │",
        "└─────────────────────────────┘                 └─────────────────────────────┘",
    ]
    assert "Problems" not in text
    assert "  3 d " in text  # the age of the remote secret


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("remotes", [0, 1, 3, 29])
def test_no_line_is_wider_than_the_terminal(width: int, remotes: int) -> None:
    seen = evidence(mesh(remotes))
    if remotes:
        seen = putting(
            silent(knowing(seen, "cluster2", "timeout"), f"cluster{remotes + 1}"),
            "cluster1",
            THE_ISTIO,
            condition(
                istio(mesh().primary, is_primary=True), "Ready", "IstiodNotReady", "not all istiod pods are ready " * 5
            ),
        )
    for pen in (Pen(width), ascii_pen(width)):
        text = screen(seen, remotes, pen)
        assert [line for line in text.splitlines() if len(line) > width] == []


def test_a_large_mesh_is_folded_and_its_unwell_clusters_are_not() -> None:
    seen = knowing(silent(evidence(mesh(29)), "cluster7"), "cluster9", "timeout")
    text = screen(seen, 29)
    assert "? cluster7  remote, network7; does not answer" in text
    assert "NOT synced ─✗ ✗ cluster9" in text
    assert "✓ 27 remotes, all well  27 networks; cluster2, cluster3 … cluster30" in text
    assert "27 clusters" not in text.partition("Resources")[0]
    assert len(text.splitlines()) < 80


def test_an_arrow_that_is_not_well_has_no_head() -> None:
    moved = listing(evidence(mesh()), "cluster2", SLICES, {"endpoints": [{"addresses": ["172.18.9.9"]}]})
    text = screen(knowing(moved, "cluster2", "syncing"))
    assert " ─ NOT synced ─✗ " in text
    assert " ✗ old address ─ " in text


def test_ascii_terminals_get_ascii() -> None:
    text = status_text(report(knowing(evidence(mesh()), "cluster2", None)), pen_for("ascii", 80))
    assert writable(text, "ascii").plain.isascii()
    assert "?" not in writable(text, "ascii").plain.replace("SHA-256", "")


def test_text_from_servers_is_harmless() -> None:
    hostile = condition(
        istio(mesh().remotes[0], is_primary=False),
        "Ready",
        "Bad",
        "a\nb \x1b[31mred\x1b]0;title\x07 \u202e eyJhbGciOiJ.eyJzdWIiOiJ9x.c2lnbmF0dXJl",
    )
    text = screen(putting(evidence(mesh()), "cluster2", THE_ISTIO, hostile))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "eyJhbGciOiJ" not in text


def test_nothing_installed_says_so_and_what_to_do() -> None:
    seen = evidence(mesh())
    empty = {name: replace(one, objects={}, lists={}) for name, one in seen.sights.items()}
    assert screen(Evidence(empty, {}, ())) == (
        "✗ no mesh is installed on any of 2 clusters\n\nnext: meshctl install --east ctx1 --west ctx2"
    )


def test_no_cluster_answers() -> None:
    seen = silent(silent(evidence(mesh()), "cluster1"), "cluster2", "no answer in time")
    text = screen(seen)
    assert text.startswith("✗ no mesh is to be seen: 2 of 2 clusters do not answer\n")
    assert "✗ cluster2: does not answer: no answer in time" in text


def test_the_first_broken_link_comes_last() -> None:
    found = report(knowing(evidence(mesh()), "cluster2", None))
    broken = Finding(
        Severity.ERROR, "cluster2", "no remote secret", "", "MESH-230", "meshctl repair x", ("asked istiod",)
    )
    lines = status_text(replace(found, broken=(broken,)), Pen(100)).plain.splitlines()
    assert lines[-5:] == [
        "The first broken link",
        "  ✗ MESH-230 cluster2: no remote secret",
        "      seen: asked istiod",
        "      meshctl repair x",
        "  why: meshctl diagnose --east ctx1 --west ctx2",
    ]


@pytest.mark.parametrize("height", [20, 30, 50])
def test_a_low_terminal_loses_tables_never_the_picture_or_the_problems(height: int) -> None:
    found = report(knowing(evidence(mesh()), "cluster2", None))
    lines = status_text(found, Pen(100), height).plain.splitlines()
    assert len(lines) <= height
    assert lines[2].startswith("┌─ ✓ cluster1 ─")
    assert "Problems" in lines
    assert lines[-1] == "      the remote secret is on cluster1"
