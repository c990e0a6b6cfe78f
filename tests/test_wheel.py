"""The built wheel, in an environment that knows nothing of the checkout, has all it needs; and it starts quickly."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SECONDS = 60
MESH = ("--east", "east", "--west", "west")
HEAVY = frozenset({"kubernetes", "urllib3", "jinja2", "cryptography", "aiohttp", "yaml", "rich.live", "rich.console"})
"""What costs more to import than a command that does not need it should take."""

QUICK = (
    ("--help",),
    ("version",),
    ("version", "-o", "json"),
    ("install", "--help"),
    ("certs", "--help"),
    ("lab", "up", "-h"),
)

LOADED = """
import sys
from meshctl.cli import main
try:
    main()
finally:
    sys.stderr.write(" ".join(sys.modules))
"""


@dataclass(frozen=True, slots=True)
class Installed:
    """A wheel, installed; commands run in an empty folder, with an environment of their own."""

    wheel: Path
    bin: Path
    folder: Path

    def run(self, program: str, *args: str) -> str:
        """Run a program of the environment, which must succeed; return what it prints."""
        environ = {
            "PATH": os.defpath,
            "HOME": str(self.folder),
            "MESHCTL_STATE_DIR": str(self.folder / "state"),
            "KUBECONFIG": str(self.folder / "kubeconfig"),
        }
        done = subprocess.run(
            [str(self.bin / program), *args],
            cwd=self.folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Build the wheel and install it into a new environment; its dependencies are those of the tests' own."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, timeout=SECONDS)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", symlinks=True)
    python = folder / "venv" / "bin" / "python"
    install = [*pip, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, timeout=SECONDS)
    # A folder named in a .pth is searched, but its own .pth files, which would lead to the checkout, are not read.
    dependencies = sysconfig.get_path("purelib")
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(f"{dependencies}\n")
    empty = folder / "empty"
    empty.mkdir()
    return Installed(wheel, python.parent, empty)


@pytest.fixture
def with_lab(installed: Installed) -> Iterator[Installed]:
    """A lab of the installed wheel's own."""
    up = installed.run("meshctl", "lab", "up", "--speed", "0", "--kubeconfig", str(installed.folder / "kubeconfig"))
    assert "east, west" in up
    try:
        yield installed
    finally:
        installed.run("meshctl", "lab", "down")


def test_it_holds_the_package_and_nothing_else(installed: Installed) -> None:
    names = zipfile.ZipFile(installed.wheel).namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"meshctl", "istio_meshctl"}
    data = ("templates", "src/meshctl/lab/data")
    shipped = [path.relative_to(ROOT) for folder in data for path in (ROOT / folder).rglob("*") if path.is_file()]
    assert len(shipped) > 10
    expected = {f"meshctl/{path}".replace("meshctl/src/", "") for path in shipped}
    assert expected <= set(names)
    assert "meshctl/py.typed" in names


def test_it_works_by_itself(with_lab: Installed) -> None:
    where = with_lab.run("python", "-c", "import meshctl; print(meshctl.__file__)")
    assert str(ROOT) not in where
    assert json.loads(with_lab.run("meshctl", "version", "-o", "json"))["meshctl"]
    assert json.loads(with_lab.run("meshctl", "schema"))["$schema"]
    told = with_lab.run("meshctl", "install", *MESH, "--dry-run")
    assert "Create the east-west gateway" in told
    with_lab.run("meshctl", "install", *MESH)
    assert "Every version answered every cluster" in with_lab.run("meshctl", "verify", *MESH)


@pytest.mark.parametrize("args", QUICK, ids=" ".join)
def test_what_needs_no_cluster_loads_no_client(args: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *args], capture_output=True, text=True, timeout=SECONDS, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.split())
    assert "meshctl.cli.app" in loaded
    assert loaded & HEAVY == set()
