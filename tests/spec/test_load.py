from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from meshctl.spec import Cluster, CniOptions, ImageOptions, Kernel, MeshSpec, Timeouts
from meshctl.spec.flags import Flags
from meshctl.spec.load import load, load_spec

from .loading import SMALLEST, load_text

TWO = Flags(east="east", west=("west",))
EXAMPLES = Path(__file__).parents[2] / "docs" / "reference" / "mesh-file"


def test_two_contexts_are_enough_for_the_mesh_of_the_guide() -> None:
    assert load_spec(TWO, {}) == MeshSpec(
        primary=Cluster("cluster1", "east", "network1"), remotes=(Cluster("cluster2", "west", "network2"),)
    )


def test_a_mesh_is_hashable_with_its_clusters() -> None:
    mesh = load_spec(Flags(east="east", west=("west",), sets=("istio.values.pilot.replicaCount=2",)), {})
    assert len({mesh, load_spec(TWO, {})}) == 2
    assert len({*mesh.clusters}) == 2


def test_remotes_are_named_by_position() -> None:
    mesh = load_spec(Flags(east="e", west=("a", "b", "c")), {})
    assert [(c.name, c.context, c.network) for c in mesh.remotes] == [
        ("cluster2", "a", "network2"),
        ("cluster3", "b", "network3"),
        ("cluster4", "c", "network4"),
    ]


def test_everything_in_a_file_arrives() -> None:
    path = EXAMPLES / "everything.yaml"
    mesh = load_spec(Flags(file=str(path)), {})
    assert mesh.primary == Cluster(
        name="cluster1",
        context="east",
        network="network1",
        server="https://east.example.com:6443",
        gateway_address="192.0.2.10",
        kubeconfig=str(EXAMPLES / "east.kubeconfig"),
        cni_conf_dir="/etc/cni/net.d",
        gateway_annotations={"metallb.io/address-pool": "public"},
        cni_values={"cni": {"chained": False}},
        istio_values={"pilot": {"autoscaleMin": 2}},
    )
    assert mesh.cni == CniOptions(values={"cni": {"resources": {"requests": {"cpu": "50m"}}}})
    assert mesh.gateway.annotations == {"example.com/owner": "platform"}
    assert mesh.gateway.infra_nodes
    assert mesh.images == ImageOptions(
        "registry.example.com/istio", "registry.example.com/samples", ("registry-login",)
    )
    assert mesh.istio_values == {"meshConfig": {"accessLogFile": "/dev/stdout"}}
    assert mesh.kubeconfig == str(EXAMPLES / "clusters.kubeconfig")
    assert mesh.timeouts == Timeouts(address=330, delete=1800)
    assert (mesh.mesh_id, mesh.istio_version, mesh.kernel) == ("mesh1", "1.28.6", Kernel.AUTO)


def test_an_anchor_shares_what_a_merge_does_not_say_again() -> None:
    mesh = load_spec(Flags(file=str(EXAMPLES / "three-remotes.yaml"), sets=("west[0].gateway.annotations.a=b",)), {})
    nlb = {"service.beta.kubernetes.io/aws-load-balancer-type": "nlb"}
    assert [remote.name for remote in mesh.remotes] == ["dub", "par", "laptop"]
    assert mesh.remotes[0].gateway_annotations == {**nlb, "a": "b"}
    assert mesh.remotes[1].gateway_annotations == nlb


def of(name: str) -> Callable[[MeshSpec], Any]:
    return lambda mesh: getattr(mesh, name)


LAYERS: list[tuple[str, Mapping[str, str], tuple[str, ...], str]] = [
    ("", {}, (), "mesh1"),
    ("meshID: file", {}, (), "file"),
    ("meshID: file", {"MESHCTL_MESH_ID": "env"}, (), "env"),
    ("meshID: file", {"MESHCTL_MESH_ID": ""}, (), "file"),
    ("meshID: file", {"MESHCTL_MESH_ID": "env"}, ("meshID=flag",), "flag"),
    ("", {"MESHCTL_MESH_ID": "env"}, ("meshID=flag", "meshID=last"), "last"),
    ("meshID: file", {}, ("meshID=007",), "007"),
]


@pytest.mark.parametrize(("text", "environ", "sets", "expected"), LAYERS)
def test_a_flag_counts_before_a_variable_before_the_file(
    text: str, environ: Mapping[str, str], sets: tuple[str, ...], expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "mesh.yaml"
    path.write_text(f"{SMALLEST}{text}\n")
    assert load_spec(Flags(file=str(path), sets=sets), environ).mesh_id == expected


CONTEXTS: list[tuple[tuple[str, ...], str, Flags, list[str]]] = [
    (("f1", "f2"), "", Flags(), ["f1", "f2"]),
    (("f1", "f2"), "", Flags(west=("w1",)), ["w1", "f2"]),
    (("f1",), "", Flags(west=("w1", "w2")), ["w1", "w2"]),
    (("f1",), "v1,v2", Flags(), ["v1", "v2"]),
    (("f1",), "v1, v2", Flags(west=("w1",)), ["w1"]),
    (("f1",), "v1", Flags(sets=("west[0].context=s1",)), ["s1"]),
    ((), "v1", Flags(west=("w1",), sets=("west[0].context=s1", "west[1].context=s2")), ["s1", "s2"]),
]


@pytest.mark.parametrize(("in_file", "variable", "flags", "expected"), CONTEXTS)
def test_remotes_are_laid_over_each_other_by_position(
    in_file: tuple[str, ...], variable: str, flags: Flags, expected: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "mesh.yaml"
    path.write_text(f"east: {{context: east}}\nwest: [{', '.join(f'{{context: {name}}}' for name in in_file)}]\n")
    mesh = load_spec(Flags(file=str(path), west=flags.west, sets=flags.sets), {"MESHCTL_WEST": variable})
    assert [remote.context for remote in mesh.remotes] == expected


SETS: list[tuple[str, Callable[[MeshSpec], Any], Any]] = [
    ("west[0].network=net7", lambda mesh: mesh.remotes[0].network, "net7"),
    (r"gateway.annotations.foo\.bar=x", lambda mesh: mesh.gateway.annotations, {"foo.bar": "x"}),
    (r"gateway.annotations.a\.b/c=true", lambda mesh: mesh.gateway.annotations, {"a.b/c": "true"}),
    ("gateway.annotations.q==x=y", lambda mesh: mesh.gateway.annotations, {"q": "=x=y"}),
    ("gateway.infraNodes=true", lambda mesh: mesh.gateway.infra_nodes, True),
    ("kernel=old", of("kernel"), Kernel.OLD),
    ("istioVersion=v1.30.3", of("istio_version"), "1.30.3"),
    ("timeouts.remote=1h30m", lambda mesh: mesh.timeouts.remote, 5400.0),
    ("timeouts.remote=0.5", lambda mesh: mesh.timeouts.remote, 0.5),
    ("timeouts.remote=250ms", lambda mesh: mesh.timeouts.remote, 0.25),
    ("cni.excludeNamespaces=a, b", lambda mesh: mesh.cni.exclude_namespaces, ("a", "b")),
    ("cni.excludeNamespaces=[a]", lambda mesh: mesh.cni.exclude_namespaces, ("a",)),
    ("cni.excludeNamespaces=", lambda mesh: mesh.cni.exclude_namespaces, ()),
    ("cni.excludeNamespaces[0]=x", lambda mesh: mesh.cni.exclude_namespaces, ("x",)),
    ("cni={confDir: /x/, values: {a: 1}}", of("cni"), CniOptions("/x", values={"a": 1})),
    ("istio.values.pilot.replicaCount=2", of("istio_values"), {"pilot": {"replicaCount": 2}}),
    ("istio.values.pilot.tag='2'", of("istio_values"), {"pilot": {"tag": "2"}}),
    ("istio.values.pilot.list[0].a=null", of("istio_values"), {"pilot": {"list": [{"a": None}]}}),
    ("istio.values.pilot.image=", of("istio_values"), {"pilot": {"image": ""}}),
    ("istio.values.since=2024-01-01", of("istio_values"), {"since": "2024-01-01"}),
    ("east.server=https://API.example.com:6443/", lambda mesh: mesh.primary.server, "https://API.example.com:6443"),
    ("east.gatewayAddress=2001:DB8:0::1", lambda mesh: mesh.primary.gateway_address, "2001:db8::1"),
    ("kubeconfig=~/kube", of("kubeconfig"), "/home/ada/kube"),
    ("kubeconfig=kube", of("kubeconfig"), "kube"),
]


@pytest.mark.parametrize(("assignment", "read", "expected"), SETS)
def test_set_reaches_everything(assignment: str, read: Callable[[MeshSpec], Any], expected: Any) -> None:
    mesh = load_spec(Flags(east="east", west=("west",), sets=(assignment,)), {"HOME": "/home/ada"})
    assert read(mesh) == expected


VARIABLES: list[tuple[Mapping[str, str], Callable[[MeshSpec], Any], Any]] = [
    ({"MESHCTL_KUBECONFIG": "k"}, of("kubeconfig"), "k"),
    ({"MESHCTL_ISTIO_VERSION": "v1.30.3"}, of("istio_version"), "1.30.3"),
    ({"MESHCTL_GATEWAY_INFRA_NODES": "true"}, lambda mesh: mesh.gateway.infra_nodes, True),
    ({"MESHCTL_CNI_EXCLUDE_NAMESPACES": "a,b"}, lambda mesh: mesh.cni.exclude_namespaces, ("a", "b")),
    ({"MESHCTL_IMAGES_PULL_SECRETS": "a"}, lambda mesh: mesh.images.pull_secrets, ("a",)),
    ({"MESHCTL_TIMEOUTS_CNI": "90"}, lambda mesh: mesh.timeouts.cni, 90.0),
    ({"MESHCTL_STATE_DIR": "/x", "MESHCTL_TEST": "1"}, of("mesh_id"), "mesh1"),
]


@pytest.mark.parametrize(("environ", "read", "expected"), VARIABLES)
def test_variables_say_what_the_file_may(
    environ: Mapping[str, str], read: Callable[[MeshSpec], Any], expected: Any
) -> None:
    assert read(load_spec(TWO, environ)) == expected


def test_variables_alone_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "mesh.yaml"
    path.write_text("west: [{context: w, network: n}]\n")
    mesh = load_spec(Flags(), {"MESHCTL_FILE": str(path), "MESHCTL_EAST": "e"})
    assert (mesh.primary.context, mesh.remotes[0].network) == ("e", "n")


@pytest.mark.parametrize("name", ["cluster2", "west"])
def test_server_and_address_go_to_a_cluster_by_name_or_context(name: str) -> None:
    flags = Flags(
        east="east",
        west=("west",),
        servers=(f"{name}=https://172.18.0.3:6443",),
        gateway_addresses=(f"{name}=192.0.2.20", "cluster1=192.0.2.10"),
    )
    mesh = load_spec(flags, {})
    assert mesh.remotes[0].server == "https://172.18.0.3:6443"
    assert [cluster.gateway_address for cluster in mesh.clusters] == ["192.0.2.10", "192.0.2.20"]


def test_paths_in_a_file_begin_at_the_file(tmp_path: Path) -> None:
    text = f"kubeconfig: sub/kube\n{SMALLEST}"
    assert load_text(text, tmp_path).kubeconfig == str(tmp_path / "sub" / "kube")
    assert load_text(text.replace("sub", "/abs"), tmp_path).kubeconfig == "/abs/kube"
    assert load_text(text, tmp_path, {"MESHCTL_KUBECONFIG": "mine"}).kubeconfig == "mine"


def test_one_context_name_in_two_kubeconfigs_is_two_clusters() -> None:
    mesh = load_spec(Flags(east="admin", west=("admin",), sets=("west[0].kubeconfig=other",)), {})
    assert [cluster.kubeconfig for cluster in mesh.clusters] == ["", "other"]


def test_places_say_who_chose_a_value(tmp_path: Path) -> None:
    path = tmp_path / "mesh.yaml"
    path.write_text("east: {context: e}\nmeshID: m\n")
    flags = Flags(file=str(path), west=("w",), sets=("west[0].network=n",))
    places = load(flags, {"MESHCTL_MESH_ID": "v"}).places
    assert places.of(("east", "context")) == f"{path}: east.context"
    assert places.of(("meshID",)) == "MESHCTL_MESH_ID"
    assert places.of(("west", 0, "context")) == "--west"
    assert places.of(("west", 0, "network")) == "--set west[0].network"
