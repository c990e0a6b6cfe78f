"""The page in a real browser, where there is one: no error, no request, readable on every screen."""

import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest

from tests.status.test_page import PAGES

SCRIPT = Path(__file__).parents[2] / "scripts" / "pages.py"
needs_chromium = pytest.mark.skipif(which("chromium") is None, reason="there is no Chromium here")


def looked_at(folder: Path, *pages: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(SCRIPT), "--out", str(folder), *map(str, pages)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240)


@needs_chromium
def test_pages_are_readable_everywhere(tmp_path: Path) -> None:
    pages = [tmp_path / f"{name}.html" for name in ("broken", "large", "hostile")]
    for page in pages:
        page.write_text(PAGES[page.stem], encoding="utf-8")
    done = looked_at(tmp_path, *pages)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(tmp_path.glob("*.png"))) == 12


@needs_chromium
def test_what_is_wrong_with_a_page_is_seen(tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<!doctype html><meta name=viewport content='width=device-width, initial-scale=1'><body style='width:3000px'>"
        "<script>console.error('oops')</script><img src='http://example.invalid/x.png'>"
        "<p style='font-size:5px'>tiny</p><p style='color:#ccc'>faint</p>"
    )
    done = looked_at(tmp_path, bad)
    assert done.returncode == 1
    for complaint in (
        "wide, the screen 390",
        "oops",
        "asks for http://example.invalid/x.png",
        "text of 5.0 px: tiny",
        "contrast of",
    ):
        assert complaint in done.stdout
