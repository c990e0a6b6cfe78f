from pathlib import Path

import pytest

from meshctl.errors import Exit, SpecError
from meshctl.spec.flags import Flags
from meshctl.spec.load import load_spec

from .sentences import (
    CAPITAL,
    CLUSTER_KEYS,
    DURATION,
    EXCLUDED,
    HOSTNAME,
    LOOPBACK,
    NAMESPACE,
    NETWORK,
    NO_CONTEXT,
    PATH,
    SET_BY,
    TIMEOUT_KEYS,
    TOP_KEYS,
    UNKNOWN_TO_ISTIO,
)

EVERY_MISTAKE = """\
apiVersion: meshctl.io/v2
kind: Gateway
meshID: my mesh
meshID: -mesh
istioVersion: 1.28
kubeconfig: ""
colour: blue
east:
  context: ""
  clusterName: Primary
  network: "no/slash"
  server: https://127.0.0.1:6443
  gatewayAddress: lb.example.com
  cni: {confDir: etc/cni}
  istio: {values: {global: {network: other, meshID: x}, profile: ambient}}
west:
  - context: west
    clusterName: twin
    network: shared
    gatewayAddress: 10.0.0.1:15012
  - context: west
    clusterName: twin
    network: shared
    server: http://api.example.com
    labels: {}
  - network: third
cni:
  excludeNamespaces: [ok, ok, Not_ok]
  values: {cni: {excludeNamespaces: []}}
gateway:
  annotations: {on-purpose: true}
  infraNodes: "yes please"
images:
  hub: https://registry.example.com
  pullSecrets: secret
istio: {values: {gateways: {}}}
kernel: ancient
sampleNamespace: istio-system
timeouts: {cni: 0s, istio: soon, address: -1, gone: 1m}
"""

EVERY_PROBLEM = [
    "MESHCTL_ISTIO_VERSIO: unknown variable; did you mean MESHCTL_ISTIO_VERSION?",
    "mesh.yaml:4: the key meshID is given twice (first on line 3)",
    "--set nonsense: write path=value, as in west[0].network=net7",
    "--set west[7].network: there is no west[7] yet; the next is west[3]",
    "--server: no cluster is called 'nobody'; known are west, Primary, twin, cluster4",
    "--gateway-address: write NAME=VALUE, where NAME is a cluster's name, as in cluster2=...",
    "mesh.yaml: apiVersion: must be meshctl.io/v1, not 'meshctl.io/v2'",
    "mesh.yaml: kind: must be Mesh, not 'Gateway'",
    "mesh.yaml: meshID: '-mesh' is not a name of letters, digits, -, _ and . (at most 63, no sign at the ends)",
    "mesh.yaml: istioVersion: must be text, not the number 1.28; put it in quotes",
    "mesh.yaml: kubeconfig: must not be empty",
    f"mesh.yaml: colour: unknown key; {TOP_KEYS}",
    "mesh.yaml: east.context: must not be empty",
    f"mesh.yaml: east.clusterName: Primary {CAPITAL}",
    f"mesh.yaml: east.network: 'no/slash' {NETWORK}",
    f"mesh.yaml: east.server: 127.0.0.1 is {LOOPBACK}",
    f"mesh.yaml: east.gatewayAddress: {HOSTNAME}",
    f"mesh.yaml: east.cni.confDir: 'etc/cni' {PATH}",
    f"mesh.yaml: east.istio.values.global.network: {SET_BY} meshctl; it is the cluster's network",
    f"mesh.yaml: east.istio.values.global.meshID: {SET_BY} meshctl; it is meshID at the top of the file",
    f"mesh.yaml: east.istio.values.profile: {SET_BY} meshctl; it follows from the cluster's role",
    "mesh.yaml: west[0].gatewayAddress: must be an IP address alone; the ports are fixed",
    "mesh.yaml: west[1].server: must begin with https://",
    f"mesh.yaml: west[1].labels: unknown key; {CLUSTER_KEYS}",
    f"mesh.yaml: cni.excludeNamespaces[2]: 'Not_ok' {NAMESPACE}",
    "mesh.yaml: cni.excludeNamespaces[1]: ok is in the list already",
    f"mesh.yaml: cni.values.cni.excludeNamespaces: {EXCLUDED}",
    "mesh.yaml: gateway.annotations.on-purpose: must be text, not true; put it in quotes",
    "mesh.yaml: gateway.infraNodes: must be true or false, not the text 'yes please'",
    "mesh.yaml: images.hub: must not have a scheme such as https://",
    "mesh.yaml: images.pullSecrets: must be a list, not the text 'secret'",
    f"mesh.yaml: istio.values.gateways: {UNKNOWN_TO_ISTIO}",
    "mesh.yaml: kernel: must be one of auto, old, new, not 'ancient'",
    "mesh.yaml: sampleNamespace: istio-system is not a namespace for samples",
    f"mesh.yaml: timeouts.cni: {DURATION} the text '0s'",
    f"mesh.yaml: timeouts.istio: {DURATION} the text 'soon'",
    f"mesh.yaml: timeouts.address: {DURATION} the number -1",
    f"mesh.yaml: timeouts.gone: unknown key; {TIMEOUT_KEYS}",
    f"MESHCTL_TIMEOUTS_TOKEN: {DURATION} the text 'never'",
    f"mesh.yaml: west[2].context: {NO_CONTEXT}",
    "mesh.yaml: west[1].clusterName: already used by west[0]",
    "mesh.yaml: west[1].context: context west is already used by west[0]",
    "mesh.yaml: west[1].network: already used by west[0]",
]


def test_every_mistake_there_is_comes_in_one_report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(EVERY_MISTAKE)
    monkeypatch.chdir(tmp_path)
    flags = Flags(
        file="mesh.yaml",
        sets=("nonsense", "west[7].network=x"),
        servers=("nobody=https://api.example.com",),
        gateway_addresses=("192.0.2.1",),
    )
    environ = {"MESHCTL_ISTIO_VERSIO": "1.28.6", "MESHCTL_TIMEOUTS_TOKEN": "never"}
    with pytest.raises(SpecError) as caught:
        load_spec(flags, environ)
    assert list(caught.value.problems) == EVERY_PROBLEM
    assert caught.value.exit_code == Exit.USAGE
