import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshctl.errors import SpecError
from meshctl.spec import Cluster, MeshSpec
from meshctl.spec.contexts import ContextInfo, find_context, find_contexts
from meshctl.spec.flags import Flags
from meshctl.spec.kubeconfig import kubeconfig_files, read_kubeconfig
from meshctl.spec.load import load

SECRET = "s3cr3t-t0ken"


def kubeconfig(path: Path, **servers: str) -> str:
    """Write a kubeconfig with a context per server."""
    path.write_text(yaml.safe_dump(config(**servers)))
    return str(path)


def config(**servers: str) -> dict[str, Any]:
    return {
        "clusters": [{"name": f"c-{name}", "cluster": {"server": server}} for name, server in servers.items()],
        "users": [{"name": f"u-{name}", "user": {"token": SECRET}} for name in servers],
        "contexts": [{"name": name, "context": {"cluster": f"c-{name}", "user": f"u-{name}"}} for name in servers],
    }


def mesh(*contexts: str, kubeconfig: str = "") -> MeshSpec:
    east, *west = (Cluster(f"cluster{n}", name, f"network{n}") for n, name in enumerate(contexts, start=1))
    return MeshSpec(east, tuple(west), kubeconfig=kubeconfig)


def problems_of(context: str, path: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        find_context(context, path, {})
    assert SECRET not in str(caught.value)
    return list(caught.value.problems)


def test_a_context_tells_everything_but_credentials(tmp_path: Path) -> None:
    data = config(east="https://me:hunter2@api.example.com:6443")
    data["clusters"][0]["cluster"] |= {
        "proxy-url": "http://me:hunter2@proxy:3128",
        "tls-server-name": "kubernetes",
        "certificate-authority-data": "QQ==",
        "insecure-skip-tls-verify": False,
    }
    data["users"][0]["user"]["exec"] = {"command": "aws"}
    data["contexts"][0]["context"]["namespace"] = "team"
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(data))
    info = find_context("east", str(path), {})
    assert info == ContextInfo(
        name="east",
        file=str(path),
        cluster="c-east",
        user="u-east",
        server="https://api.example.com:6443",
        namespace="team",
        proxy_url="http://proxy:3128",
        tls_server_name="kubernetes",
        has_exec_auth=True,
        has_certificate_authority=True,
    )
    assert "hunter2" not in repr(info)
    read, _ = read_kubeconfig(str(path), {})
    assert SECRET not in repr(read)


ELSEWHERE = [
    ("https://api.example.com:6443", ""),
    ("https://127.0.0.1:6443", "127.0.0.1 is loopback: another cluster would reach itself there"),
    ("https://localhost:6443", "localhost is loopback: another cluster would reach itself there"),
    ("http://10.0.0.1:8080", "must begin with https://"),
    (
        "https://platform/kubernetes/west",
        "must end after HOST:PORT; a path leads through a proxy, whose certificate istiod would not trust",
    ),
]


@pytest.mark.parametrize(("server", "expected"), ELSEWHERE)
def test_a_server_says_whether_other_clusters_can_use_it(server: str, expected: str, tmp_path: Path) -> None:
    assert find_context("east", kubeconfig(tmp_path / "config", east=server), {}).problem_elsewhere == expected


FILES: list[tuple[str, dict[str, str], tuple[str, ...]]] = [
    ("named", {"KUBECONFIG": "a"}, ("named",)),
    ("", {"KUBECONFIG": os.pathsep.join(["a", "", "b", "a"])}, ("a", "b")),
    ("", {"KUBECONFIG": "", "HOME": "/home/ada"}, ("/home/ada/.kube/config",)),
    ("", {"HOME": "/home/ada"}, ("/home/ada/.kube/config",)),
]


@pytest.mark.parametrize(("named", "environ", "expected"), FILES)
def test_files_are_found_as_kubectl_finds_them(named: str, environ: dict[str, str], expected: tuple[str, ...]) -> None:
    assert kubeconfig_files(named, environ) == expected


def test_of_several_files_the_first_entry_counts_as_a_whole(tmp_path: Path) -> None:
    first = kubeconfig(tmp_path / "a", east="https://first:1")
    data = config(east="https://second:1", west="https://west:1")
    data["users"][0]["user"] = {"exec": {"command": "aws"}}
    second = tmp_path / "b"
    second.write_text(yaml.safe_dump(data))
    environ = {"KUBECONFIG": os.pathsep.join([str(tmp_path / "gone"), first, str(second)])}
    found = find_contexts(mesh("east", "west"), environ)
    assert [(info.server, info.file, info.has_exec_auth) for info in found.values()] == [
        ("https://first:1", first, False),
        ("https://west:1", str(second), False),
    ]


def test_each_cluster_may_have_its_own_file(tmp_path: Path) -> None:
    common = kubeconfig(tmp_path / "a", admin="https://a:1")
    own = kubeconfig(tmp_path / "b", admin="https://b:1")
    east, west = mesh("admin", "admin").clusters
    spec = MeshSpec(east, (dataclasses.replace(west, kubeconfig=own),), kubeconfig=common)
    assert [info.server for info in find_contexts(spec, {}).values()] == ["https://a:1", "https://b:1"]


BROKEN: list[tuple[str, list[str]]] = [
    ("a: [\n", ["{}:2: is not valid YAML"]),
    (f"users: *{SECRET}\n", ["{}:1: is not valid YAML"]),
    (f"x: !{SECRET} {SECRET}\n", ["{}:1: is not valid YAML"]),
    ("a: 1\n---\nb: 2\n", ["{}:2: is not valid YAML"]),
    ("a: \x07\n", ["{}: is not valid YAML"]),
    ("- a\n", ["{}: is not a kubeconfig"]),
    ("", ["there is no context 'east'; {} has no contexts at all"]),
    ("contexts: {}\n", ["{}: contexts must be a list of entries with name and context"]),
    ("clusters: [{name: 1, cluster: {}}]\n", ["{}: clusters must be a list of entries with name and cluster"]),
    ("users: [{name: a, user: x}]\n", ["{}: users must be a list of entries with name and user"]),
    ("contexts: [x]\n", ["{}: contexts must be a list of entries with name and context"]),
    ("contexts: [{name: a}, {name: a}]\n", ["{}: two contexts are called a"]),
    (
        "contexts: [{name: east, context: {cluster: c, user: u}}]\n",
        [
            "context east names the cluster 'c', which the kubeconfig does not have",
            "context east names the user 'u', which the kubeconfig does not have",
        ],
    ),
    (
        "contexts: [{name: east}]\n",
        ["context east names the cluster '', which the kubeconfig does not have"],
    ),
    (
        "clusters: [{name: c}]\ncontexts: [{name: east, context: {cluster: c}}]\n",
        ["cluster c of context east has no usable server"],
    ),
    (
        "clusters: [{name: c, cluster: {server: 'https://[::1'}}]\ncontexts: [{name: east, context: {cluster: c}}]\n",
        ["cluster c of context east has no usable server"],
    ),
]


@pytest.mark.parametrize(("text", "expected"), BROKEN)
def test_a_broken_kubeconfig_is_named_but_not_quoted(text: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    assert problems_of("east", str(path)) == [problem.format(path) for problem in expected]


def test_a_file_beyond_all_measure_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(b"#" * (16 * 1024 * 1024 + 1))
    assert problems_of("east", str(path)) == [f"{path}: is larger than 16 MiB"]


def test_files_that_are_not_there(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    assert problems_of("east", gone) == [f"{gone}: no such file"]
    assert problems_of("east", str(tmp_path)) == [f"{tmp_path}: can't be read: is a directory"]
    with pytest.raises(SpecError) as caught:
        find_context("east", "", {"KUBECONFIG": gone})
    assert caught.value.problems == (f"{gone}: no such file (name a file with --kubeconfig or KUBECONFIG)",)


def test_unknown_contexts_are_reported_together_with_those_there_are(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", east="https://a:1", west="https://b:1")
    with pytest.raises(SpecError) as caught:
        find_contexts(mesh("eastt", "zzzzz", kubeconfig=path), {})
    assert caught.value.problems == (
        f"cluster1: there is no context 'eastt' in {path}; did you mean east?; there are east, west",
        f"cluster2: there is no context 'zzzzz' in {path}; there are east, west",
    )


def test_a_long_list_of_contexts_is_cut(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", **{f"n{n:02}": f"https://n{n}:1" for n in range(30)})
    (problem,) = problems_of("zzzzz", path)
    assert problem.endswith("n18, n19 and 10 more")


def test_a_problem_names_who_chose_the_context(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", east="https://a:1")
    loaded = load(Flags(east="east", west=("wset",)), {"MESHCTL_KUBECONFIG": path})
    with pytest.raises(SpecError) as caught:
        find_contexts(loaded.mesh, {}, loaded.places)
    assert caught.value.problems == (f"--west: there is no context 'wset' in {path}; there are east",)


def test_a_missing_file_is_reported_once() -> None:
    with pytest.raises(SpecError) as caught:
        find_contexts(mesh("east", "west", kubeconfig="/nowhere/config"), {})
    assert caught.value.problems == ("/nowhere/config: no such file",)


def test_two_contexts_of_one_api_server_are_one_cluster(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", admin="https://a:1", viewer="https://A:1")
    with pytest.raises(SpecError) as caught:
        find_contexts(mesh("admin", "viewer", kubeconfig=path), {})
    assert caught.value.problems == ("cluster2: context viewer leads to https://A:1, and so does that of cluster1",)
