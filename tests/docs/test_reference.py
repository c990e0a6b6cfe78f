"""The generated pages say what the code says."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("commands", "mesh-file", "environment", "exit-codes", "checks", "faults", "delays", "rights")
FILES = (*(f"{page}.md" for page in PAGES), "rights/primary.yaml", "rights/remote.yaml")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as the code would have them now."""
    folder = tmp_path_factory.mktemp("reference")
    subprocess.run([sys.executable, ROOT / "scripts" / "reference.py", folder], check=True)
    return folder


def test_every_page_is_made(made: Path) -> None:
    assert {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_the_page_is_current(made: Path, name: str) -> None:
    committed = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert committed == (made / name).read_text(encoding="utf-8"), "run make docs"
