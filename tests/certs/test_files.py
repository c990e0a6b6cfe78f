"""What `certs generate` leaves on the disk, and above all what it does not."""

import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from meshctl.certs.check import check, compare_roots, root_fingerprints
from meshctl.certs.files import Generated, generate, load, move_into, stored_clusters
from meshctl.certs.material import KeyType
from meshctl.errors import MeshctlError, SpecError

from .forge import FAST, NOW

PARTS = ["ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem"]


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=["umask 000", "umask 022", "umask 077"])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def make(directory: Path, *clusters: str) -> Generated:
    return generate(directory, clusters, now=NOW, key=FAST)


def listing(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refused(directory: Path, *clusters: str) -> tuple[str, ...]:
    """Be refused, and change nothing."""
    before = listing(directory.parent), contents(directory.parent)
    with pytest.raises(SpecError) as caught:
        make(directory, *clusters)
    assert (listing(directory.parent), contents(directory.parent)) == before
    return caught.value.problems


def test_the_layout_and_the_material(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "certs"
    assert make(out, "cluster1", "cluster2") == Generated(out, ("cluster1", "cluster2"), root_reused=False)
    folders = [f"{name}/{part}" for name in ("cluster1", "cluster2") for part in PARTS]
    assert listing(out) == sorted(["cluster1", "cluster2", *folders, "root-cert.pem", "root-key.pem"])
    assert listing(out.parent) == sorted(["certs", *(f"certs/{name}" for name in listing(out))])
    materials = load(out, stored_clusters(out))
    assert list(materials) == ["cluster1", "cluster2"]
    assert [check(material, NOW) for material in materials.values()] == [[], []]
    assert compare_roots(materials) == []
    for material in materials.values():
        assert material.root_cert == (out / "root-cert.pem").read_bytes()
        assert material.cert_chain == material.ca_cert + material.root_cert


def test_modes_do_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    out = tmp_path / "certs"
    make(out, "cluster1")
    assert [mode(path) for path in (out, out / "cluster1")] == [0o700, 0o700]
    assert [mode(path) for path in (out / "root-key.pem", out / "cluster1" / "ca-key.pem")] == [0o600, 0o600]
    assert mode(out / "root-cert.pem") == 0o644 & ~umask


def test_the_default_is_rsa_4096(tmp_path: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa

    generate(tmp_path / "certs", ["cluster1"], now=NOW)
    for name in ("root-cert.pem", "cluster1/ca-cert.pem"):
        key = x509.load_pem_x509_certificate((tmp_path / "certs" / name).read_bytes()).public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        assert key.key_size == 4096


def test_an_existing_directory_is_filled_and_stays_as_it_is(tmp_path: Path) -> None:
    out = tmp_path / "certs"
    out.mkdir(mode=0o755)
    (out / "notes.txt").write_text("mine")
    make(out, "cluster1")
    assert mode(out) == 0o755
    assert listing(out) == sorted(
        ["cluster1", *(f"cluster1/{part}" for part in PARTS), "notes.txt", "root-cert.pem", "root-key.pem"]
    )
    assert mode(out / "cluster1") == 0o700
    assert mode(out / "root-key.pem") == 0o600


def test_a_cluster_is_added_under_the_same_root(tmp_path: Path) -> None:
    out = tmp_path / "certs"
    make(out, "cluster1")
    before = contents(out)
    assert make(out, "cluster2").root_reused
    after = contents(out)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {f"cluster2/{part}" for part in PARTS}
    east, west = load(out, ["cluster1", "cluster2"]).values()
    assert root_fingerprints(east) == root_fingerprints(west)
    assert east.ca_cert != west.ca_cert


def test_the_current_directory_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make(Path(), "cluster1")
    assert stored_clusters(Path()) == ("cluster1",)


def test_nothing_is_overwritten_and_every_file_is_named(tmp_path: Path) -> None:
    out = tmp_path / "certs"
    make(out, "cluster1", "cluster2")
    expected = tuple(
        f"{out}/{name}/{part} exists"
        for name in ("cluster1", "cluster2")
        for part in ("ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem")
    )
    assert refused(out, "cluster1", "cluster3", "cluster2") == expected


def test_leftovers_are_refused_and_told_apart(tmp_path: Path) -> None:
    out = tmp_path / "certs"
    make(out, "cluster1")
    (out / "root-key.pem").unlink()
    (out / "cluster1" / "ca-key.pem").unlink()
    (out / ".unfinished-abc").mkdir()
    (out / "cluster2").write_text("a file")
    (out / "cluster3").mkdir()
    assert refused(out, "cluster1", "cluster2", "cluster3") == (
        f"{out}/.unfinished-abc was left by a run that was interrupted, and holds keys that nothing uses: remove it",
        f"{out}/root-cert.pem exists without root-key.pem: bring that back, or choose another directory",
        f"{out}/cluster1 is incomplete: it has ca-cert.pem, root-cert.pem, cert-chain.pem, but not ca-key.pem",
        f"{out}/cluster2 exists and is not a directory",
        f"{out}/cluster3 exists",
    )


def test_a_lonely_root_key_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "certs"
    make(out, "cluster1")
    (out / "root-cert.pem").unlink()
    assert refused(out, "cluster2") == (
        f"{out}/root-key.pem exists without root-cert.pem: bring that back, or choose another directory",
    )


def test_an_interrupted_first_run_is_noticed(tmp_path: Path) -> None:
    (tmp_path / ".certs.unfinished-abc").mkdir()
    [problem] = refused(tmp_path / "certs", "cluster1")
    assert problem.startswith(f"{tmp_path}/.certs.unfinished-abc was left by a run that was interrupted")


def test_dangling_links_are_not_followed(tmp_path: Path) -> None:
    out = tmp_path / "certs"
    out.mkdir()
    (out / "cluster1").symlink_to(tmp_path / "elsewhere")
    (out / "root-key.pem").symlink_to(tmp_path / "gone")
    assert len(refused(out, "cluster1")) == 2
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    assert refused(link, "cluster1") == (f"{link} exists and is not a directory",)


def test_a_root_that_cannot_sign_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "certs"
    make(out, "cluster1")
    make(tmp_path / "other", "cluster1")
    (out / "root-key.pem").write_bytes((tmp_path / "other" / "root-key.pem").read_bytes())
    assert refused(out, "cluster2") == (f"{out}: root-key.pem is not the private key of root-cert.pem",)


def test_an_expired_root_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "certs"
    make(out, "cluster1")
    with pytest.raises(SpecError, match="expired on"):
        generate(out, ["cluster2"], now=NOW + timedelta(days=7301), key=FAST)
    assert stored_clusters(out) == ("cluster1",)


def test_names_that_are_none(tmp_path: Path) -> None:
    assert refused(tmp_path / "certs", "../up", "East", "cluster1", "cluster1") == (
        "'../up' is not a cluster name: lower-case letters, digits and dashes are",
        "'East' is not a cluster name: lower-case letters, digits and dashes are",
        "cluster1 is named twice",
    )
    assert refused(tmp_path / "certs") == ("no cluster was named",)


def test_a_file_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert refused(tmp_path / "file", "cluster1") == (f"{tmp_path}/file exists and is not a directory",)
    with pytest.raises(MeshctlError, match=r"/file.*: (Not a directory|File exists)$"):
        make(tmp_path / "file" / "certs", "cluster1")


INTRUDERS = {"folder": ("cluster2/mine", "Directory not empty"), "file": ("root-cert.pem", "File exists")}


@pytest.mark.parametrize(("intruder", "reason"), INTRUDERS.values(), ids=INTRUDERS)
def test_what_comes_meanwhile_is_kept_and_what_was_moved_is_taken_back(
    tmp_path: Path, intruder: str, reason: str
) -> None:
    staged, out = tmp_path / "staged", tmp_path / "out"
    make(staged, "cluster1", "cluster2")
    (out / intruder).parent.mkdir(parents=True)
    (out / intruder).write_text("theirs")
    before = listing(out)
    with pytest.raises(OSError, match=reason):
        move_into(out, staged, ["root-key.pem", "cluster1", "root-cert.pem", "cluster2"])
    assert listing(out) == before
    assert contents(out) == {intruder: b"theirs"}


def test_loading_names_everything_that_is_missing(tmp_path: Path) -> None:
    out = tmp_path / "certs"
    make(out, "cluster1")
    (out / "cluster1" / "ca-key.pem").unlink()
    with pytest.raises(SpecError) as caught:
        load(out, ["cluster1", "cluster2"])
    assert caught.value.problems == (
        f"{out}/cluster1/ca-key.pem: No such file or directory",
        *(
            f"{out}/cluster2/{part}: No such file or directory"
            for part in ("ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem")
        ),
    )
    assert str(out) in caught.value.hint


def test_loading_the_tls_layout(tmp_path: Path) -> None:
    out = tmp_path / "certs"
    make(out, "cluster1")
    folder = out / "cluster1"
    for old, new in {"ca-cert.pem": "tls.crt", "ca-key.pem": "tls.key", "root-cert.pem": "ca.crt"}.items():
        (folder / old).rename(folder / new)
    (folder / "cert-chain.pem").unlink()
    assert stored_clusters(out) == ("cluster1",)
    assert check(load(out, ["cluster1"])["cluster1"], NOW) == []


def test_stored_clusters_are_folders_with_certificates(tmp_path: Path) -> None:
    make(tmp_path, "cluster2", "cluster1")
    (tmp_path / "empty").mkdir()
    (tmp_path / "Not-a-name").mkdir()
    assert stored_clusters(tmp_path) == ("cluster1", "cluster2")
    with pytest.raises(MeshctlError, match="No such file or directory"):
        stored_clusters(tmp_path / "nowhere")


def test_keys_of_another_kind_can_be_asked_for(tmp_path: Path) -> None:
    generate(tmp_path / "certs", ["cluster1"], now=NOW, key=KeyType.RSA_2048)
    assert check(load(tmp_path / "certs", ["cluster1"])["cluster1"], NOW) == []
