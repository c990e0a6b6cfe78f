"""Looks at meshctl's pages in a real browser: pages.py [FILE.html …], without files at those of a run on the lab.

Every page is opened on a phone and on a desktop, light and dark. Pictures are saved to look at; an error on the
console, a request for anything, text that is too small, too faint or off the screen is a failure.
"""

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from browser import SCREENS, chromium, look, program

MESH = ("--east", "east", "--west", "west")


def main() -> int:
    """Look at the pages and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", type=Path, metavar="FILE.html", help="pages to look at")
    parser.add_argument("--out", type=Path, help="where to save the pictures")
    options = parser.parse_args()
    path = program()
    if path is None:
        print("there is no Chromium here: apt-get install chromium")
        return 0
    out = options.out or Path(tempfile.mkdtemp(prefix="pages-"))
    out.mkdir(parents=True, exist_ok=True)
    pages = options.pages or of_a_lab(out)
    complaints = looked_at(path, pages, out)
    print("\n".join(complaints) if complaints else f"{len(pages)} pages on {len(SCREENS)} screens: nothing to complain")
    print(f"pictures: {out}")
    return 1 if complaints else 0


def looked_at(path: str, pages: Sequence[Path], out: Path) -> list[str]:
    """Open every page on every screen; pictures go to `out`. Returns every complaint."""
    with chromium(path) as browser:
        return [
            complaint
            for page in pages
            for screen in SCREENS
            for complaint in look(browser, page, screen, out / f"{page.stem}-{screen.name}.png")
        ]


def of_a_lab(out: Path) -> list[Path]:
    """Install on a lab, break it, and return the pages that meshctl writes of it."""
    pages = [out / f"{name}.html" for name in ("install", "healthy", "broken")]
    with lab() as environ:

        def meshctl(*args: str) -> None:
            subprocess.run(
                [sys.executable, "-m", "meshctl", *args], env=environ, check=False, stdout=subprocess.DEVNULL
            )

        meshctl("install", *MESH, "--plain", "--report", str(pages[0]))
        meshctl("status", *MESH, "--html", str(pages[1]))
        meshctl("lab", "fault", "api-down@west")
        meshctl("bundle", *MESH, "--time-limit", "5s", "--out", str(out / "bundle.tar.gz"))
        meshctl("status", *MESH, "--set", "timeouts.contact=2s", "--html", str(pages[2]))
    return [*pages, *unpacked(out / "bundle.tar.gz")]


def unpacked(archive: Path) -> list[Path]:
    """Unpack a bundle beside it, and return its pages."""
    with tarfile.open(archive) as opened:
        opened.extractall(archive.parent, filter="data")
    folder = archive.parent / archive.name.removesuffix(".tar.gz")
    return [folder / "index.html", folder / "run" / "timeline.html"]


@contextmanager
def lab() -> Iterator[dict[str, str]]:
    """Run a lab; yields the environment of commands that use it."""
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        own = {key: value for key, value in os.environ.items() if not key.startswith("MESHCTL_")}
        environ = {**own, "MESHCTL_STATE_DIR": f"{folder}/state", "KUBECONFIG": f"{folder}/kubeconfig"}
        command = [sys.executable, "-m", "meshctl", "lab"]
        up = ("up", "--speed", "20", "--kubeconfig", environ["KUBECONFIG"])
        subprocess.run([*command, *up], env=environ, check=True, stdout=subprocess.DEVNULL)
        try:
            yield environ
        finally:
            subprocess.run([*command, "down"], env=environ, check=False, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
