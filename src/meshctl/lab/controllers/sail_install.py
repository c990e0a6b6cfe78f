"""What an administrator has installed before anyone installs a mesh: the Sail operator, its CRDs, and Multus' CRD."""

import asyncio

from meshctl.lab.api import Api, ApiError
from meshctl.lab.controllers.charts.values import layered
from meshctl.lab.controllers.sail_crds import istio_crds, multus_crd, sail_crds
from meshctl.lab.controllers.sail_operator import MANAGER
from meshctl.lab.controllers.sail_versions import OPERATOR_NAMESPACE, Build, build
from meshctl.lab.sites import Flavour, Site, World
from meshctl.names import CRD, DEPLOYMENT, NAMESPACE, POD, SERVICE_ACCOUNT
from meshctl.objects import Manifest, Ref, dig

_IMAGES = {"istiod": "pilot", "proxy": "proxyv2", "cni": "install-cni", "ztunnel": "ztunnel"}
MULTUS_CRD = Ref(CRD, "network-attachment-definitions.k8s.cni.cncf.io")


def operator_labels(installed: Build) -> dict[str, str]:
    """Return the labels by which the operator's pods are selected."""
    return {"app.kubernetes.io/component": "sail-operator", "control-plane": installed.name}


def image_annotations(installed: Build) -> dict[str, str]:
    """Return the annotations that name the images of every installable version."""
    return {
        f"images.{version.replace('.', '_')}.{role}": f"{installed.hub}/{name}:{tag}"
        for version, tag in installed.installable
        for role, name in _IMAGES.items()
    }


def operator_objects(installed: Build, *, crashing: bool = False) -> list[Manifest]:
    """Return the operator's namespace, account and Deployment.

    A crashing operator lacks the Secret that it mounts, so no kubelet, real or not, ever gets it to run.
    """
    missing = {"name": "serving-cert", "secret": {"secretName": f"{installed.name}-serving-cert"}}
    labels = operator_labels(installed)
    created = {"app.kubernetes.io/created-by": installed.created_by, "app.kubernetes.io/part-of": installed.created_by}
    container = {
        "name": "sail-operator",
        "image": f"{installed.hub}/{installed.name}:{installed.tag}",
        "args": ["--leader-elect", "--zap-log-level=info"],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8081}},
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "512Mi"}},
    }
    annotations = {"kubectl.kubernetes.io/default-container": "sail-operator", **image_annotations(installed)}
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": labels},
        # Never two operators at once, so that a change of the faults shows at once in what is ready.
        "strategy": {"type": "Recreate"},
        "template": {
            "metadata": {"labels": {**labels, **created}, "annotations": annotations},
            "spec": {
                "serviceAccountName": installed.name,
                "containers": [container],
                "volumes": [missing] if crashing else [],
            },
        },
    }
    place = {"name": installed.name, "namespace": OPERATOR_NAMESPACE, "labels": {**labels, **created}}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OPERATOR_NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": place},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": place, "spec": spec},
    ]


def is_operator(pod: Manifest, installed: Build) -> bool:
    """Say whether a pod is the operator's."""
    return operator_labels(installed).items() <= (dig(pod, "metadata", "labels") or {}).items()


async def install_operator(world: World, site: Site) -> None:
    """Bring a site's prerequisites to what flavour and faults say; may be repeated whenever the faults change."""
    api, installed = site.api(MANAGER), build(world, site)
    if world.flavour is Flavour.VENDOR and not world.faults.on("multus-missing", site.context):
        if await _ensure(api, multus_crd()):
            await _restart(api, installed)
    elif world.flavour is Flavour.VENDOR:
        await api.delete(MULTUS_CRD)
    if world.faults.on("operator-absent", site.context):
        await _remove(api, installed)
        return
    # First the operator: a definition that is on its way out may wait for it to let go of its objects.
    for obj in operator_objects(installed, crashing=world.faults.on("operator-crashing", site.context)):
        await _ensure(api, obj)
    for crd in (*sail_crds(installed), *istio_crds()):
        await _ensure(api, crd)


async def _restart(api: Api, installed: Build) -> None:
    """Have the operator's pods replaced: it learns of new kinds only when it starts."""
    for pod in await api.list(POD, OPERATOR_NAMESPACE, operator_labels(installed)):
        await api.delete(Ref(POD, pod["metadata"]["name"], OPERATOR_NAMESPACE))


async def _remove(api: Api, installed: Build) -> None:
    await api.delete(Ref(DEPLOYMENT, installed.name, OPERATOR_NAMESPACE))
    for crd in (*sail_crds(installed), *istio_crds()):
        await api.delete(Ref(CRD, crd["metadata"]["name"]))


async def _ensure(api: Api, wanted: Manifest) -> bool:
    """Bring an object to what is wanted; say whether it is a new one."""
    kinds = {"Namespace": NAMESPACE, "ServiceAccount": SERVICE_ACCOUNT, "Deployment": DEPLOYMENT}
    metadata = wanted["metadata"]
    ref = Ref(kinds.get(wanted["kind"], CRD), metadata["name"], metadata.get("namespace", ""))
    while True:
        live = await api.get(ref)
        if live is None or dig(live, "metadata", "deletionTimestamp"):
            try:
                await api.create(wanted)
            except ApiError as error:
                if error.code not in (403, 409):  # what is being deleted is in the way for a moment
                    raise
                await asyncio.sleep(0.1)
                continue
            return True
        if patch := _patch(live, wanted):
            await api.merge(ref, patch)
        return False


def _patch(live: Manifest, wanted: Manifest) -> Manifest:
    """Return what is to be merged into an object that is there already; images of other builds go."""
    spec = wanted.get("spec") or {}
    images = dig(spec, "template", "metadata", "annotations") or {}
    there = dig(live, "spec", "template", "metadata", "annotations") or {}
    gone = {key: None for key in there if key.startswith("images.") and key not in images}
    if gone:
        return {"spec": layered(spec, {"template": {"metadata": {"annotations": gone}}})}
    return {} if _contains(live.get("spec"), spec) else {"spec": spec}


def _contains(live: object, wanted: object) -> bool:
    """Say whether everything wanted is there; what an API server adds by itself does not count."""
    if isinstance(wanted, dict) and not wanted:
        return True
    if isinstance(live, dict) and isinstance(wanted, dict):
        return all(key in live and _contains(live[key], value) for key, value in wanted.items())
    if isinstance(live, list) and isinstance(wanted, list):
        return len(live) == len(wanted) and all(_contains(*pair) for pair in zip(live, wanted, strict=True))
    return live == wanted
