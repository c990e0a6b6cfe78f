from pathlib import Path

import pytest

from meshctl.spec.flags import Flags

from .loading import SMALLEST, problems_of, problems_of_text
from .sentences import (
    ALIAS,
    CAPITAL,
    CLUSTER_KEYS,
    DURATION,
    HOSTNAME,
    LABEL,
    LOOPBACK,
    NAMESPACE,
    NETWORK,
    NO_CONTEXT,
    NO_EAST,
    NO_WEST,
    PATH,
    PREFIX,
    PROXY,
    SET_BY,
    TAB,
    TOP_KEYS,
    UNFINISHED,
    UNKNOWN_TO_ISTIO,
    VERSION,
)

FILE = Flags(file="mesh.yaml")

IN_FILES: list[tuple[str | bytes, list[str]]] = [
    # --- YAML
    ("", ["mesh.yaml: is empty; a mesh file has keys such as east and west"]),
    ("# nothing\n", ["mesh.yaml: is empty; a mesh file has keys such as east and west"]),
    ("- a\n", ["mesh.yaml: is not a mapping; a mesh file has keys such as east and west"]),
    (
        "a: [\nb\n",
        ["mesh.yaml:3: is not YAML: expected ',' or ']', but got '<stream end>' while parsing a flow sequence"],
    ),
    (
        "east:\n\tcontext: x\n",
        [f"mesh.yaml:2: {TAB}"],
    ),
    ("a: *b\n", ["mesh.yaml:1: is not YAML: found undefined alias 'b'"]),
    ("a: \x07\n", ["mesh.yaml:1: is not YAML: a character that may not stand in it"]),
    (b"a: 1\nb: \xff\n", ["mesh.yaml:2: is not UTF-8 text"]),
    (f"{SMALLEST}---\n{SMALLEST}", ["mesh.yaml:3: a second document begins here; one file describes one mesh"]),
    (f"{SMALLEST}meshID: a\nmeshID: b\n", ["mesh.yaml:4: the key meshID is given twice (first on line 3)"]),
    (f"{SMALLEST}istio: {{values: {{a: &a [*a]}}}}\n", ["mesh.yaml:3: an alias leads back to where it stands"]),
    (
        f"{SMALLEST}istio: {{values: {{1: x, on: y, [a]: z}}}}\n",
        [
            "mesh.yaml:3: the key 1 must be text; put it in quotes",
            "mesh.yaml:3: the key on must be text; put it in quotes",
            "mesh.yaml:3: a key must be text; put it in quotes",
        ],
    ),
    (
        f"{SMALLEST}meshID: !!python/name:os.system x\n",
        [
            "mesh.yaml:3: the tag !!python/name:os.system is not allowed",
            "mesh.yaml: meshID: is empty; give it text, or take the key away",
        ],
    ),
    (
        f"{SMALLEST}istio: {{values: {{a: 0x_}}}}\n",
        ["mesh.yaml:3: can't be read as the kind of value it looks like; put it in quotes"],
    ),
    (f"{SMALLEST}istio: {{values: {{<<: 7}}}}\n", ["mesh.yaml:3: << takes mappings only"]),
    # --- keys
    (f"{SMALLEST}meshId: a\n", ["mesh.yaml: meshId: unknown key; did you mean meshID?"]),
    (f"{SMALLEST}istio-version: 1.28.6\n", ["mesh.yaml: istio-version: unknown key; did you mean istioVersion?"]),
    (
        "east: {context: e, cluster_name: x}\nwest: [{context: w, zzz: 1}]\n",
        [
            "mesh.yaml: east.cluster_name: unknown key; did you mean clusterName?",
            f"mesh.yaml: west[0].zzz: unknown key; {CLUSTER_KEYS}",
        ],
    ),
    (
        f"{SMALLEST}pullSecrets: [a]\n",
        [f"mesh.yaml: pullSecrets: unknown key here (there is images.pullSecrets); {TOP_KEYS}"],
    ),
    (
        f"{SMALLEST}apiVersion: v1\nkind: Pod\n",
        ["mesh.yaml: apiVersion: must be meshctl.io/v1, not 'v1'", "mesh.yaml: kind: must be Mesh, not 'Pod'"],
    ),
    # --- clusters
    (
        "east: {context: e}\n",
        [f"mesh.yaml: west: {NO_WEST}"],
    ),
    (
        "east: {context: e}\nwest: []\n",
        [f"mesh.yaml: west: {NO_WEST}"],
    ),
    (
        "west: [{network: n}]\n",
        [
            f"mesh.yaml: east.context: {NO_EAST}",
            f"mesh.yaml: west[0].context: {NO_CONTEXT}",
        ],
    ),
    (
        "east: e\nwest: {context: w}\n",
        [
            "mesh.yaml: east: must be a mapping, not the text 'e'",
            "mesh.yaml: west: must be a list, not a mapping; begin each entry with a dash",
        ],
    ),
    ("east: {context: e}\nwest: w\n", ["mesh.yaml: west: must be a list, not the text 'w'"]),
    ("east: {context: e}\nwest: [w]\n", ["mesh.yaml: west[0]: must be a mapping, not the text 'w'"]),
    (
        "east: {context: e}\nwest: [{context: w, network: network1}]\n",
        ["mesh.yaml: west[0].network: already used by cluster1"],
    ),
    (
        "east: {context: e}\nwest: [{context: w}, {context: x, network: network1}]\n",
        ["mesh.yaml: west[1].network: already used by cluster1"],
    ),
    (
        "east: {context: e}\nwest: [{context: w, network: network3}, {context: x}]\n",
        ["mesh.yaml: west[1].network: the default network3 is already used by cluster2"],
    ),
    (
        "east: {context: e}\nwest: [{context: w, clusterName: cluster1}]\n",
        ["mesh.yaml: west[0].clusterName: already used by east"],
    ),
    (
        "east: {context: e}\nwest: [{context: e}]\n",
        ["mesh.yaml: west[0].context: context e is already used by cluster1"],
    ),
    (
        "kubeconfig: k\neast: {context: e}\nwest: [{context: e, kubeconfig: k}]\n",
        ["mesh.yaml: west[0].context: context e is already used by cluster1"],
    ),
    (
        "east: {context: e, server: 'https://h:1'}\nwest: [{context: w, server: 'https://h:1/'}]\n",
        ["mesh.yaml: west[0].server: already used by cluster1"],
    ),
    (
        "east: {context: e, gatewayAddress: 192.0.2.1}\nwest: [{context: w, gatewayAddress: 192.0.2.1}]\n",
        ["mesh.yaml: west[0].gatewayAddress: already used by cluster1"],
    ),
    (
        f"{SMALLEST}sampleNamespace: kube-system\n",
        ["mesh.yaml: sampleNamespace: kube-system is not a namespace for samples"],
    ),
    (
        f"{SMALLEST}cni: {{excludeNamespaces: [istio-cni, sample]}}\n",
        ["mesh.yaml: cni.excludeNamespaces: sample holds the sample, whose traffic would then bypass the mesh"],
    ),
    (
        "istioVersion: 1.28.3\neast: {context: e, gatewayAddress: '2001:db8::1'}\nwest: [{context: w}]\n",
        ["mesh.yaml: east.gatewayAddress: an IPv6 address needs Istio 1.28.6 or newer, not 1.28.3"],
    ),
]


@pytest.mark.parametrize(("text", "expected"), IN_FILES)
def test_a_problem_in_a_file_names_its_place(
    text: str | bytes, expected: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert problems_of_text(text, monkeypatch, tmp_path, FILE) == expected


IN_SETS: list[tuple[str, str]] = [
    ("meshID=", "must not be empty"),
    ("meshID=a b", "'a b' is not a name of letters, digits, -, _ and . (at most 63, no sign at the ends)"),
    ("east.context= ", "must not be empty"),
    ("east.context=a ", "'a ' is not the name of a kubeconfig context"),
    ("east.clusterName=East", f"East {CAPITAL}"),
    ("east.clusterName=a_b", f"'a_b' {LABEL}"),
    ("east.clusterName=-a", f"'-a' {LABEL}"),
    (f"east.clusterName={'a' * 64}", f"'{'a' * 57}...' {LABEL}"),
    ("west[0].network=a/b", f"'a/b' {NETWORK}"),
    ("istioVersion=1.28", f"'1.28' {VERSION}"),
    ("istioVersion=1.28.06", f"'1.28.06' {VERSION}"),
    ("istioVersion=vv1.28.6", f"'vv1.28.6' {VERSION}"),
    ("istioVersion=v1.28-latest", f"v1.28-latest {ALIAS}"),
    ("istioVersion=master", f"master {ALIAS}"),
    ("kernel=modern", "must be one of auto, old, new, not 'modern'"),
    ("gateway.infraNodes=maybe", "must be true or false, not the text 'maybe'"),
    ("gateway.infraNodes=", "is empty; give it true or false, or take the key away"),
    (r"gateway.annotations.a b=c", "'a b' is not the key of an annotation ([PREFIX/]NAME)"),
    ("gateway.annotations={a: true}", "must be text, not true; put it in quotes"),
    ("gateway.annotations=[a]", "must be a mapping, not a list"),
    ("cni.confDir=etc", f"'etc' {PATH}"),
    ("cni.confDir=/", f"'/' {PATH}"),
    ("cni.confDir=/a/../b", "must not contain .., which Kubernetes refuses in a host path"),
    ("cni.excludeNamespaces=a,a", "a is in the list already"),
    ("cni.excludeNamespaces=A", f"'A' {NAMESPACE}"),
    ("cni.excludeNamespaces=[1]", "must be text, not the number 1; put it in quotes"),
    ("images.hub=https://r/istio", "must not have a scheme such as https://"),
    ("images.hub=me:secret@r/istio", "must not carry a user name, password or digest"),
    ("images.hub=r/istio/", f"'r/istio/' {PREFIX}"),
    ("images.registry=r/istio:1.28", f"'r/istio:1.28' {PREFIX}"),
    ("images.pullSecrets=A_b", "'A_b' is not the name of a Secret"),
    ("timeouts.cni=0", f"{DURATION} the text '0'"),
    ("timeouts.cni=0m0s", f"{DURATION} the text '0m0s'"),
    ("timeouts.cni=-5m", f"{DURATION} the text '-5m'"),
    ("timeouts.cni=5 minutes", f"{DURATION} the text '5 minutes'"),
    ("timeouts.cni=25h", f"{DURATION} the text '25h'"),
    ("timeouts.cni=1e9", f"{DURATION} the text '1e9'"),
    ("timeouts={cni: .inf}", f"{DURATION} a number"),
    ("timeouts={cni: -1}", f"{DURATION} the number -1"),
    ("timeouts={cni: true}", f"{DURATION} true"),
    ("timeouts.cin=5m", "unknown key; did you mean cni?"),
    # --- servers
    ("east.server=http://h:6443", "must begin with https://"),
    ("east.server=h:6443", "must begin with https://"),
    ("east.server=https://", "has no host; write https://HOST:PORT"),
    ("east.server=https://h:0", "has no usable port"),
    ("east.server=https://h:99999", "is not a URL; write https://HOST:PORT"),
    ("east.server=https://[::1", "is not a URL; write https://HOST:PORT"),
    ("east.server=https://me:secret@h", "must not carry a user name or password"),
    ("east.server=https://h/k8s/clusters/c-1", PROXY),
    ("east.server=https://h?a=b", PROXY),
    ("east.server=https://h x", "must be a URL without blanks or backslashes"),
    ("east.server=https://127.0.0.1:6443", f"127.0.0.1 is {LOOPBACK}"),
    ("east.server=https://127.9.9.9", f"127.9.9.9 is {LOOPBACK}"),
    ("east.server=https://[::1]:6443", f"::1 is {LOOPBACK}"),
    ("east.server=https://[::ffff:127.0.0.1]:6443", f"127.0.0.1 is {LOOPBACK}"),
    ("east.server=https://localhost.:6443", f"localhost. is {LOOPBACK}"),
    ("east.server=https://a.LocalHost", f"a.localhost is {LOOPBACK}"),
    ("east.server=https://0.0.0.0:6443", "0.0.0.0 is unspecified: nothing can be reached there"),
    ("east.server=https://[fe80::1]", "fe80::1 is link-local: it means something on one network segment only"),
    ("east.server=https://127.1", "is not a whole IP address"),
    ("east.server=https://2130706433", "is not a whole IP address"),
    ("east.server=https://0x7f.0x1", "is not a whole IP address"),
    ("east.server=https://a_b", "has a host that is neither a name nor an IP address"),
    # --- gateway addresses
    ("east.gatewayAddress=lb.example.com", HOSTNAME),
    ("east.gatewayAddress=192.0.2.1:15012", "must be an IP address alone; the ports are fixed"),
    ("east.gatewayAddress=[2001:db8::1]", "must be an IP address alone; the ports are fixed"),
    ("east.gatewayAddress=192.0.2.256", "is not an IP address"),
    ("east.gatewayAddress=127.0.0.1", f"127.0.0.1 is {LOOPBACK}"),
    ("east.gatewayAddress=::", ":: is unspecified: nothing can be reached there"),
    ("east.gatewayAddress=169.254.1.1", "169.254.1.1 is link-local: it means something on one network segment only"),
    ("east.gatewayAddress=224.0.0.5", "224.0.0.5 is a multicast address"),
    ("east.gatewayAddress=2001:db8::1%eth0", "2001:db8::1%eth0 has a zone, which means something on one machine only"),
    ("east.gatewayAddress=::ffff:192.0.2.1", "::ffff:c000:201 is an IPv4 address in disguise; write 192.0.2.1"),
    # --- values
    ("istio.values.global.multiCluster.clusterName=x", f"{SET_BY} meshctl; it is the cluster's clusterName"),
    ("istio.values.global.network=x", f"{SET_BY} meshctl; it is the cluster's network"),
    ("istio.values.global.meshID=x", f"{SET_BY} meshctl; it is meshID at the top of the file"),
    ("east.istio.values.global.externalIstiod=false", f"{SET_BY} meshctl; it is true on the primary and only there"),
    (
        "west[0].istio.values.istiodRemote.injectionPath=/x",
        f"{SET_BY} meshctl; it follows from clusterName and network",
    ),
    (
        "west[0].istio.values.global.remotePilotAddress=x",
        f"{SET_BY} meshctl; it is the address of the primary's gateway, which east.gatewayAddress replaces",
    ),
    ("istio.values.profile=ambient", f"{SET_BY} meshctl; it follows from the cluster's role"),
    ("istio.values.revision=canary", f"{SET_BY} meshctl; the mesh has the one revision called default"),
    ("istio.values.gateways=null", f"{UNKNOWN_TO_ISTIO}"),
    ("cni.values.cni.cniConfDir=/x", f"{SET_BY} meshctl; it is confDir beside values"),
    ("istio.values.a=[1, .nan]", "is not a number that JSON knows"),
    ("istio.values=7", "must be a mapping, not the number 7"),
    # --- the path itself
    ("foo=1", f"unknown key; {TOP_KEYS}"),
    ("meshID.x=1", "must be text, not a mapping"),
    ("west[2].context=x", "there is no west[2] yet; the next is west[1]"),
    ("west.context=x", "west is not a mapping"),
    ("east[0]=x", "east is not a list"),
    ("istio.values={", f"{UNFINISHED}"),
]


@pytest.mark.parametrize(("assignment", "expected"), IN_SETS)
def test_a_problem_in_an_assignment_names_its_place(assignment: str, expected: str) -> None:
    (problem,) = problems_of(Flags(east="east", west=("west",), sets=(assignment,)))
    place, _, text = problem.partition(": ")
    assert text == expected
    assert place.startswith(f"--set {assignment[:3]}")


ELSEWHERE: list[tuple[Flags, dict[str, str], list[str]]] = [
    (Flags(), {}, [f"--east: {NO_EAST}", f"--west: {NO_WEST}"]),
    (
        Flags(east="a", west=("b",), sets=("east.network=network2",)),
        {},
        ["--west: network: the default network2 is already used by cluster1"],
    ),
    (
        Flags(east="a", sets=("west[0].network=n",)),
        {},
        [f"--set west[0].context: {NO_CONTEXT}"],
    ),
    (Flags(east="", west=("",)), {}, ["--east: must not be empty", "--west: must not be empty"]),
    (Flags(east="a", west=("b", "a")), {}, ["--west: context a is already used by cluster1"]),
    (Flags(east="a", west=("b",), kubeconfig=""), {}, ["--kubeconfig: must not be empty"]),
    (Flags(east="a", west=("b",), file=""), {}, ["--file: must not be empty"]),
    (Flags(east="a", west=("b",), file="gone.yaml"), {}, ["gone.yaml: can't be read: no such file or directory"]),
    (Flags(east="a", west=("b",), file="a\0b"), {}, ["a\0b: can't be read: the path holds a zero byte"]),
    (Flags(file="/"), {}, ["/: can't be read: is a directory"]),
    (Flags(east="a", west=("b",)), {"MESHCTL_ISTIO_VERSION": "1"}, [f"MESHCTL_ISTIO_VERSION: '1' {VERSION}"]),
    (
        Flags(east="a", west=("b",)),
        {"MESHCTL_GATEWAY_INFRA_NODES": "{"},
        [f"MESHCTL_GATEWAY_INFRA_NODES: {UNFINISHED}"],
    ),
    (
        Flags(east="a", west=("b",)),
        {"MESHCTL_CNI_EXCLUDE_NAMESPACES": "a,B"},
        [f"MESHCTL_CNI_EXCLUDE_NAMESPACES: [1]: 'B' {NAMESPACE}"],
    ),
    (Flags(east="a"), {"MESHCTL_WEST": "b,,c"}, ["MESHCTL_WEST: must not be empty"]),
    (
        Flags(east="a", west=("b",)),
        {"MESHCTL_ISTIOVERSION": "1.28.6"},
        ["MESHCTL_ISTIOVERSION: unknown variable; did you mean MESHCTL_ISTIO_VERSION?"],
    ),
    (
        Flags(east="a", west=("b",), servers=("cluster3=https://h", "https://h")),
        {},
        [
            "--server: no cluster is called 'cluster3'; did you mean cluster2?",
            "--server: write NAME=VALUE, where NAME is a cluster's name, as in cluster2=...",
        ],
    ),
    (
        Flags(east="a", west=("b",), gateway_addresses=("cluster1=10.0.0.1:1",)),
        {},
        ["--gateway-address cluster1: must be an IP address alone; the ports are fixed"],
    ),
    (
        Flags(east="a", west=("b",), sets=("nonsense", "a..b=c", "a[x]=1", "=1")),
        {},
        [
            "--set nonsense: write path=value, as in west[0].network=net7",
            "--set a..b: write path=value, as in west[0].network=net7",
            "--set a[x]: write path=value, as in west[0].network=net7",
            "--set : write path=value, as in west[0].network=net7",
        ],
    ),
]


@pytest.mark.parametrize(("flags", "environ", "expected"), ELSEWHERE)
def test_a_problem_elsewhere_names_its_place(flags: Flags, environ: dict[str, str], expected: list[str]) -> None:
    assert problems_of(flags, environ) == expected


@pytest.mark.parametrize(
    ("sign", "count", "expected"),
    [
        ("[", 3000, "mesh.yaml:1: is nested deeper than 40 levels"),
        ("#", 300_000, "mesh.yaml: is larger than 256 KiB; that is no file for meshctl"),
    ],
)
def test_what_is_too_much_is_refused(
    sign: str, count: int, expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert problems_of_text(sign * count, monkeypatch, tmp_path, FILE) == [expected]


def test_a_bomb_of_aliases_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    text = f"{SMALLEST}istio: {{values: {{{', '.join(rows)} }}}}\n"
    (problem,) = problems_of_text(text, monkeypatch, tmp_path, FILE)
    assert problem.endswith("holds more than 20000 values, with its aliases written out")


def test_a_password_in_a_url_is_not_repeated() -> None:
    flags = Flags(
        east="a",
        west=("b",),
        servers=("a=https://me:hunter2@h",),
        sets=("images.hub=me:hunter2@r", "west[0].server=https://me:hunter2@[::1"),
    )
    assert "hunter2" not in "\n".join(problems_of(flags))
