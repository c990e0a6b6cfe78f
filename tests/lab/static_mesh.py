"""A finished mesh of two clusters, made of objects alone: nothing runs in it, so any piece can be taken away."""

import base64
import copy
from collections.abc import Callable, Iterable
from typing import Any

from meshctl.lab.delays import Delays
from meshctl.lab.faults import Fault, Faults
from meshctl.lab.istiods import Istiod, Istiods, Proxy, Remote, Sync, roots_in
from meshctl.lab.sites import Site, World
from meshctl.names import ISTIO_SYSTEM, NETWORK_LABEL, SIDECAR_STATUS
from meshctl.objects import Manifest, Ref
from tests.lab.fake_api import FakeCluster, ref_of

ROOT = "-----BEGIN CERTIFICATE-----\nTWVzaA==\n-----END CERTIFICATE-----\n"
OTHER_ROOT = "-----BEGIN CERTIFICATE-----\nT3RoZXI=\n-----END CERTIFICATE-----\n"
BUNDLE = base64.b64encode(ROOT.encode()).decode()
OTHER_BUNDLE = base64.b64encode(OTHER_ROOT.encode()).decode()
EAST_LB, WEST_LB = "172.18.100.1", "172.18.101.1"
GATEWAY_PORTS = (15021, 15443, 15012, 15017)


def obj(api_version: str, kind: str, name: str, namespace: str = "", **rest: Any) -> Manifest:
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": {**meta, **rest.pop("metadata", {})}, **rest}


def service(name: str, namespace: str, ports: dict[int, int], selector: dict[str, str] | None, **spec: Any) -> Manifest:
    entries = [{"name": f"p{port}", "port": port, "targetPort": target} for port, target in ports.items()]
    chosen = {"selector": selector} if selector else {}
    return obj("v1", "Service", name, namespace, spec={"ports": entries, **chosen, **spec})


def ready(pod: Manifest, ip: str) -> Manifest:
    states = [
        {"name": c["name"], "ready": True, "state": {"running": {}}}
        for c in [*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])]
    ]
    conditions = [{"type": "Ready", "status": "True"}]
    status = {"phase": "Running", "podIP": ip, "conditions": conditions, "containerStatuses": states}
    return {**pod, "status": status}


def proxy(cluster_id: str, network: str) -> Manifest:
    env = [
        {"name": "ISTIO_META_CLUSTER_ID", "value": cluster_id},
        {"name": "ISTIO_META_NETWORK", "value": network},
    ]
    return {"name": "istio-proxy", "image": "proxyv2:1.28.6", "env": env}


def workload(name: str, app: str, image: str, number: int, ip: str) -> Manifest:
    labels = {"app": app, NETWORK_LABEL: f"network{number}"}
    meta = {"labels": labels, "annotations": {SIDECAR_STATUS: "{}"}, "uid": f"uid-{name}-{number}"}
    sidecar = {**proxy(f"cluster{number}", f"network{number}"), "restartPolicy": "Always"}
    spec = {"nodeName": "node", "initContainers": [sidecar], "containers": [{"name": app, "image": image}]}
    return ready(obj("v1", "Pod", name, "sample", metadata=meta, spec=spec), ip)


def plain(pod: Manifest) -> Manifest:
    """Return a pod as it would be without injection."""
    new = copy.deepcopy(pod)
    new["spec"].pop("initContainers")
    new["metadata"]["annotations"] = {}
    new["metadata"]["labels"].pop(NETWORK_LABEL)
    return new


def gateway(number: int, address: str) -> list[Manifest]:
    network = f"network{number}"
    labels = {"istio": "eastwestgateway", NETWORK_LABEL: network}
    meta = {"labels": labels, "annotations": {SIDECAR_STATUS: "{}"}}
    spec = {"nodeName": "node", "containers": [proxy(f"cluster{number}", network)]}
    pod = ready(obj("v1", "Pod", "gateway", ISTIO_SYSTEM, metadata=meta, spec=spec), "10.244.0.9")
    ports = {port: port for port in GATEWAY_PORTS}
    balanced = service("istio-eastwestgateway", ISTIO_SYSTEM, ports, labels, type="LoadBalancer")
    balanced["metadata"]["labels"] = labels
    balanced["status"] = {"loadBalancer": {"ingress": [{"ip": address}]}}
    return [pod, balanced]


def expose() -> list[Manifest]:
    def server(number: int, mode: str, host: str) -> Manifest:
        return {"port": {"number": number, "name": f"p{number}"}, "tls": {"mode": mode}, "hosts": [host]}

    def destination(port: int, to: int) -> Manifest:
        host = f"istiod.{ISTIO_SYSTEM}.svc.cluster.local"
        route = [{"destination": {"host": host, "port": {"number": to}}}]
        return {"match": [{"port": port, "sniHosts": ["*"]}], "route": route}

    chosen = {"selector": {"istio": "eastwestgateway"}}
    passthrough = [server(15012, "PASSTHROUGH", "*"), server(15017, "PASSTHROUGH", "*")]
    crossing = [server(15443, "AUTO_PASSTHROUGH", "*.local")]
    tls = [destination(15012, 15012), destination(15017, 443)]
    virtual = {"hosts": ["*"], "gateways": ["istiod-gateway"], "tls": tls}
    version = "networking.istio.io/v1"
    return [
        obj(version, "Gateway", "istiod-gateway", ISTIO_SYSTEM, spec={**chosen, "servers": passthrough}),
        obj(version, "VirtualService", "istiod-vs", ISTIO_SYSTEM, spec=virtual),
        obj(version, "Gateway", "cross-network-gateway", ISTIO_SYSTEM, spec={**chosen, "servers": crossing}),
    ]


def istiod_pod() -> Manifest:
    env = [{"name": name, "value": value} for name, value in (("CLUSTER_ID", "cluster1"), ("REVISION", "default"))]
    container = {"name": "discovery", "image": "hub.test/pilot:1.28.6", "env": env}
    spec = {"nodeName": "node", "containers": [container]}
    meta = {"labels": {"app": "istiod", "istio": "pilot"}, "uid": "uid-istiod"}
    return ready(obj("v1", "Pod", "istiod", ISTIO_SYSTEM, metadata=meta, spec=spec), "10.244.0.5")


def injector(path: str, bundle: str = BUNDLE) -> Manifest:
    config = {"service": {"name": "istiod", "namespace": ISTIO_SYSTEM, "path": path, "port": 443}, "caBundle": bundle}
    webhooks = [{"name": "object.sidecar-injector.istio.io", "clientConfig": config}]
    meta = {"labels": {"istio.io/rev": "default"}}
    version = "admissionregistration.k8s.io/v1"
    return obj(version, "MutatingWebhookConfiguration", "istio-sidecar-injector", metadata=meta, webhooks=webhooks)


def samples(number: int) -> list[Manifest]:
    app = "helloworld"
    image = f"examples-helloworld-v{number}:1.0"
    return [
        obj("v1", "Namespace", "sample", metadata={"labels": {"istio-injection": "enabled"}}),
        service(app, "sample", {5000: 5000}, {"app": app}),
        workload(f"helloworld-v{number}", app, image, number, f"10.244.{number}.7"),
        workload("sleep", "sleep", "curl:8.16.0", number, f"10.244.{number}.8"),
    ]


def remote_istiod() -> list[Manifest]:
    ports = [{"name": "p15012", "port": 15012}, {"name": "p443", "port": 15017}]
    labels = {"kubernetes.io/service-name": "istiod"}
    body = {"addressType": "IPv4", "endpoints": [{"addresses": [EAST_LB], "conditions": {}}], "ports": ports}
    slice_ = obj("discovery.k8s.io/v1", "EndpointSlice", "istiod", ISTIO_SYSTEM, metadata={"labels": labels}, **body)
    return [service("istiod", ISTIO_SYSTEM, {15012: 15012, 443: 15017}, None), slice_]


class StaticMesh:
    """East is primary, West its remote; everything is healthy until a test changes it."""

    def __init__(self) -> None:
        self.east, self.west = FakeCluster(), FakeCluster()
        sites = (Site("east", "172.18.1.2", self.east.api), Site("west", "172.18.2.2", self.west.api))
        self.world = World(sites, Delays(speed=0), Faults())
        self.istiods = Istiods()
        ports = {15010: 15010, 15012: 15012, 443: 15017, 15014: 15014}
        own = service("istiod", ISTIO_SYSTEM, ports, {"app": "istiod", "istio": "pilot"}, clusterIP="10.96.100.222")
        system = obj("v1", "Namespace", ISTIO_SYSTEM)
        self.east.seed(system, istiod_pod(), own, injector("/inject"), *gateway(1, EAST_LB), *expose(), *samples(1))
        path = "/inject/cluster/cluster2/net/network2"
        self.west.seed(system, *remote_istiod(), injector(path), *gateway(2, WEST_LB), *samples(2))
        self.remote = Remote(
            "cluster2", f"{ISTIO_SYSTEM}/istio-remote-secret-cluster2", Sync.SYNCED, "west", usable=True
        )
        self.istiod = Istiod("east", ISTIO_SYSTEM, "istiod", "uid-istiod", "cluster1", "default", ROOT)
        self.istiod.remotes["cluster2"] = self.remote
        self.istiods.started(self.istiod)
        for number, app in ((1, "helloworld-v1"), (1, "sleep"), (2, "helloworld-v2"), (2, "sleep")):
            self.istiods.proxies[f"uid-{app}-{number}"] = Proxy("east", roots_in(ROOT))

    def site(self, context: str) -> Site:
        return self.world.site(context)

    def fault(self, *names: str) -> None:
        self.world.faults.set(Fault(name) for name in names)

    def change(self, cluster: FakeCluster, ref: Ref, edit: Callable[[Manifest], object]) -> None:
        """Edit an object in place."""
        new = cluster.peek(ref)
        assert new is not None, ref
        edit(new)
        cluster.objects[ref.kind, ref.namespace, ref.name] = new

    def replace(self, cluster: FakeCluster, objects: Iterable[Manifest]) -> None:
        for one in objects:
            ref = ref_of(one)
            cluster.objects[ref.kind, ref.namespace, ref.name] = one
