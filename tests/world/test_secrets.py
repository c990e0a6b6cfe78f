"""Whatever a run prints or leaves behind holds no token, key or credential: the actual values are searched for."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.world import needles
from tests.world.commands import Result
from tests.world.conftest import NewLab
from tests.world.harness import MESH, LabUnderTest
from tests.world.terminal import run_in_terminal

CONTEXTS = ("east", "west")
SHORT = [
    word
    for name in ("cni", "istio", "remote", "gateway", "address", "token", "sync", "expose")
    for word in ("--set", f"timeouts.{name}=2s")
]
FAULTS: dict[tuple[str, ...], int | None] = {
    ("rbac-denied@west=secrets",): 3,
    ("expired-token@east",): 3,
    ("reader-token-expired@west",): None,
    ("foreign-owner@east",): 1,
    ("api-500=0.1",): None,
}
"""What makes an install fail in many places, with many sentences; what passes with patience, or does not, is None."""


@dataclass(slots=True)
class Witness:
    """A lab whose every word is kept, together with the secrets that it has had so far."""

    lab: LabUnderTest
    certificates: Path
    said: dict[str, str] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)

    def run(self, *args: str, code: int | None = 0) -> Result:
        """Run meshctl; `code` is the exit code that is expected, None any."""
        result = self.lab.meshctl(*args)
        self.note(" ".join(args), result.said)
        assert code is None or result.code == code, result.said
        return result

    def note(self, name: str, text: str) -> None:
        """Keep what was said."""
        self.said[f"{len(self.said) + 1}. {name}"] = text

    def collect(self) -> None:
        """Learn every secret there is now: in the clusters, in the kubeconfig, in the folder of certificates."""
        for context in CONTEXTS:
            self.secrets |= needles.of_secrets(self.lab.objects(context, ("secrets",)))
        self.secrets |= needles.of_kubeconfig(self.lab.kubeconfig.read_text())
        self.secrets |= needles.of_files(self.certificates)

    def files(self) -> Iterator[Path]:
        """Yield every file that was written, but those that are meant to hold credentials."""
        for path in files_in(self.lab.folder):
            if path != self.lab.kubeconfig and self.certificates not in path.parents:
                yield path


@pytest.fixture
def witness(new_lab: NewLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Witness:
    """A lab that begins with faults; whatever goes to a home or to a temporary folder is in sight."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    lab = new_lab("--fault", "cni-broken@west", "--fault", "istiod-not-ready@east", "--fault", "webhook-refusing@east")
    return Witness(lab, lab.folder / "certificates")


def test_no_secret_is_in_any_output_or_file(witness: Witness, tmp_path: Path) -> None:
    lab, certificates = witness.lab, str(witness.certificates)

    witness.run("install", *MESH, "-v", "--plain", *SHORT, code=4)
    witness.run("lab", "fault", "--clear")
    witness.run("certs", "generate", "--out", certificates, *MESH, "--key", "ec-p256")
    witness.collect()
    witness.run("certs", "apply", "--from", certificates, *MESH, "-v", code=3)
    witness.run("certs", "apply", "--from", certificates, *MESH, "-v", "--force")
    witness.run("certs", "check", *MESH, "-v")
    witness.run("install", *MESH, "--dry-run", "-v")
    witness.run("install", *MESH, "--dry-run", "-o", "json")

    for faults, code in FAULTS.items():
        witness.run("lab", "fault", *faults)
        witness.run("install", *MESH, "-v", "--plain", *SHORT, code=code)
        witness.run("lab", "fault", "--clear")
    witness.run("install", *MESH, "-v", "--plain")
    witness.collect()
    for form in ("table", "json", "junit"):
        witness.run("verify", *MESH, "-v", "--keep", "-o", form)
    another = '{"data": {"cluster2": "bm9uZQ=="}}'
    lab.kubectl("east", "-n", "istio-system", "patch", "secret", "istio-remote-secret-cluster2", "-p", another)
    file = str(lab.folder / "mesh.plan")
    witness.run("plan", *MESH, "-v", "--force-conflicts", "--out", file, code=10)
    witness.run("plan", *MESH, "-o", "json", code=10)
    witness.run("install", *MESH, "-v", "--force-conflicts", "--plan-file", file)
    witness.run("teardown", *MESH, "--yes", "-v", "-o", "json", "--keep-certificates")

    witness.run("install", *MESH, "-v", "-o", "json")
    witness.collect()
    witness.run("teardown", *MESH, "--yes", "-v", "--plain", "--keep-certificates")

    install = lab.command("install", *MESH, "-v", "-o", "live")
    ended, shown = run_in_terminal(install, lab.environ)
    witness.note("install in a terminal", shown)
    assert ended == 0, shown
    assert "\x1b[" in shown
    witness.collect()
    ended, shown = run_in_terminal(lab.command("teardown", *MESH, "--yes", "-v"), lab.environ)
    witness.note("teardown in a terminal", shown)
    assert ended == 0, shown

    broken = tmp_path / "broken"
    broken.write_text(lab.kubeconfig.read_text().replace("token: ", "token: [", 1))
    witness.run("install", *MESH, "-v", "--kubeconfig", str(broken), code=2)
    broken.unlink()
    witness.run("lab", "status", "-o", "json")

    # The search finds what it is to find ...
    assert needles.showing({"kubeconfig": lab.kubeconfig.read_text()}, witness.secrets) == ["kubeconfig"]
    assert len(witness.secrets) > 100
    # ... and there is nothing to be found.
    assert needles.showing(witness.said, witness.secrets) == []
    written = {str(path): path.read_bytes().decode("latin-1") for path in (*witness.files(), *files_in(tmp_path))}
    assert any(path.endswith(".log") for path in written)
    assert needles.showing(written, witness.secrets) == []


def test_what_holds_credentials_is_for_its_owner_only(lab: LabUnderTest) -> None:
    made = lab.meshctl("certs", "generate", "--out", str(lab.folder / "certificates"), *MESH, "--key", "ec-p256")
    assert made.code == 0, made.said
    private = [lab.kubeconfig, *(lab.folder / "certificates").rglob("*key.pem")]
    assert len(private) == 4
    assert {path.name: mode(path) for path in private} == {path.name: "-rw-------" for path in private}


def files_in(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder; sockets are none."""
    yield from (path for path in folder.rglob("*") if path.is_file())


def mode(path: Path) -> str:
    """Return the permissions of a file as `ls` shows them."""
    return stat.filemode(path.stat().st_mode)
