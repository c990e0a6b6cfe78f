"""The generated pages say what the code says."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("commands", "mesh-file", "environment", "exit-codes", "faults", "delays")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as the code would have them now."""
    folder = tmp_path_factory.mktemp("reference")
    subprocess.run([sys.executable, ROOT / "scripts" / "reference.py", folder], check=True)
    return folder


def test_every_page_is_made(made: Path) -> None:
    assert {path.stem for path in made.iterdir()} == set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_current(made: Path, page: str) -> None:
    committed = (ROOT / "docs" / "reference" / f"{page}.md").read_text(encoding="utf-8")
    assert committed == (made / f"{page}.md").read_text(encoding="utf-8"), "run make docs"
