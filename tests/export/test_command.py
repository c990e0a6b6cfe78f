"""`meshctl render` as it is typed: no cluster, no kubeconfig, sentences for what does not go together."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from meshctl.export.files import files_of, offline_plan
from tests.export.test_files import ADDRESS, mesh_of

MESH = ("--east", "east", "--west", "west")


def render(folder: Path, *options: str, code: str = "") -> "subprocess.CompletedProcess[str]":
    """Run the command where there is no kubeconfig."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MESHCTL_")}
    program = ["-c", code] if code else ["-m", "meshctl"]
    return subprocess.run(
        [sys.executable, *program, "render", *options],
        cwd=folder,
        env={**own, "KUBECONFIG": str(folder / "none")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_stream_goes_to_stdout(tmp_path: Path) -> None:
    done = render(tmp_path, *MESH, "--out", "-")
    assert done.returncode == 0, done.stderr
    wanted = [obj for one in files_of(offline_plan(mesh_of())) for obj in one.objects]
    assert list(yaml.safe_load_all(done.stdout)) == wanted
    assert "# cluster2/05-get-a-token-for-istiod.yaml" in done.stdout.splitlines()
    assert f"to be filled in: {ADDRESS}" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_mesh_file_is_named_as_seen_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text("east: {context: a b}\nwest: [{context: w}]\n")
    done = render(tmp_path, "-f", "mesh.yaml", "-o", "deep/out", "--server", "w=https://192.0.2.9:6443")
    assert done.returncode == 0, done.stderr
    readme = (tmp_path / "deep" / "out" / "README.md").read_text()
    assert "\nmeshctl render --file ../../mesh.yaml --server w=https://192.0.2.9:6443 --out .\n" in readme
    assert "meshctl remote-secret cluster2 --file ../../mesh.yaml --server w=https://192.0.2.9:6443 --apply" in readme
    assert "kubectl --context 'a b' apply" in readme


def test_the_readme_fills_in_the_address_once_whatever_the_number_of_remotes(tmp_path: Path) -> None:
    assert render(tmp_path, *MESH, "--west", "west2", "--out", "out").returncode == 0
    readme = (tmp_path / "out" / "README.md").read_text()
    assert readme.count("Fill in the address") == 1
    assert "meshctl remote-secret cluster3 --east east --west west --west west2 --apply" in readme

    again = ("--gateway-address", "cluster1=192.0.2.7", "--set", "kernel=old")
    assert render(tmp_path, *MESH, "--out", "out", *again).returncode == 0
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "Fill in the address" not in readme
    assert "Fill in the template" in readme
    assert "--field-manager=meshctl-kernel -f cluster1/05-adapt-the-gateway-template-to-old-kernels.yaml" in readme
    assert not (tmp_path / "out" / "cluster3").exists()


def test_no_client_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom meshctl.cli import main\n"
        "try:\n    main()\nfinally:\n"
        "    print(sorted({'kubernetes', 'urllib3', 'cryptography', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    done = render(tmp_path, *MESH, "--out", "out", code=code)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((*MESH, "--out", ""), "--out: names no folder"),
        ((*MESH, "--out", "-", "--kustomize"), "--out -: bases and what engines want are files, and need a folder"),
        ((*MESH, "--out", "out", "--argo-cd"), "--repo is missing: an engine has to know where the files will be"),
        ((*MESH, "--out", "out", "--repo", "https://x/y"), "--repo is for --argo-cd and --flux"),
        ((*MESH, "--out", "out", "--hub", "east"), "--hub is for --argo-cd and --flux"),
        (
            (*MESH, "--out", "out", "--flux", "--repo", "https://x/y", "--hub", "north"),
            "--hub: north is none of cluster1, cluster2",
        ),
        (
            (*MESH, "--out", "out", "--flux", "--repo", "https://x/y", "--path", "../up"),
            "--path: ../up leads out of the repository",
        ),
        ((*MESH, "--out", "out", "--kustomize", "--set", "kernel=old"), "kernel: old needs a template"),
        ((*MESH, "--out", "out", "--gateway-address", "cluster1="), "--gateway-address"),
        (("--east", "east", "--out", "out"), "no remote cluster"),
    ],
)
def test_what_does_not_go_together(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    done = render(tmp_path, *options)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    done = render(tmp_path, *MESH, "--out", "-", "--flux", "--hub", "north")
    assert done.returncode == 2
    assert len([line for line in done.stderr.splitlines() if "--" in line]) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    done = render(tmp_path, *MESH, "--out", "locked/out")
    assert done.returncode == 1
    assert "permission denied" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_path_through_a_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    done = render(tmp_path, *MESH, "--out", "file/out")
    assert done.returncode == 1
    assert "file: file exists" in done.stderr
    assert "Traceback" not in done.stderr


def test_somebody_elses_folder(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    done = render(tmp_path, *MESH, "--out", ".")
    assert done.returncode == 2
    assert "not a folder that meshctl has rendered" in done.stderr
    assert "--force" in done.stderr
