"""What built-in admission does to a new pod: its service account, the account's token volume, default tolerations."""

from meshctl.lab.apiserver.naming import generate
from meshctl.lab.apiserver.status import forbidden
from meshctl.names import POD
from meshctl.objects import Manifest

_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_PREFIX = "kube-api-access-"
_TOLERATED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def account_name(pod: Manifest) -> str:
    """Return the name of the service account a pod runs as."""
    return str(pod["spec"].get("serviceAccountName") or "default")


def admit(pod: Manifest, account: Manifest | None) -> Manifest:
    """Return a new pod with what admission adds; running it twice adds nothing more. Raise 403 without an account."""
    name = account_name(pod)
    if account is None:
        namespace = pod["metadata"].get("namespace", "")
        why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
        raise forbidden(POD, pod["metadata"].get("name", ""), why)
    spec = {**pod["spec"], "serviceAccountName": name, "serviceAccount": name}
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    spec["tolerations"] = _tolerations(spec.get("tolerations") or [])
    if "imagePullSecrets" not in spec and account.get("imagePullSecrets"):
        spec["imagePullSecrets"] = account["imagePullSecrets"]
    wanted = spec.get("automountServiceAccountToken", account.get("automountServiceAccountToken", True))
    return {**pod, "spec": _with_token(spec) if wanted else spec}


def _tolerations(given: list[Manifest]) -> list[Manifest]:
    known = {toleration.get("key") for toleration in given}
    if None in known:
        return given
    added = [
        {"effect": "NoExecute", "key": key, "operator": "Exists", "tolerationSeconds": 300}
        for key in _TOLERATED
        if key not in known
    ]
    return given + added


def _with_token(spec: Manifest) -> Manifest:
    volumes = spec.get("volumes") or []
    present = next((volume["name"] for volume in volumes if volume["name"].startswith(_PREFIX)), None)
    lacking = any(not _mounted(part) for group in _GROUPS for part in spec.get(group) or ())
    if not lacking:
        return spec
    name = present or generate(_PREFIX)
    if not present:
        volumes = [*volumes, _volume(name)]
    mount = {"mountPath": _MOUNT, "name": name, "readOnly": True}
    groups = {
        group: [
            part if _mounted(part) else {**part, "volumeMounts": [*(part.get("volumeMounts") or []), mount]}
            for part in spec[group]
        ]
        for group in _GROUPS
        if spec.get(group)
    }
    return {**spec, **groups, "volumes": volumes}


_GROUPS = ("initContainers", "containers")


def _mounted(container: Manifest) -> bool:
    return any(mount.get("mountPath") == _MOUNT for mount in container.get("volumeMounts") or ())


def _volume(name: str) -> Manifest:
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    return {
        "name": name,
        "projected": {
            "defaultMode": 0o644,
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
                {"downwardAPI": {"items": [{"fieldRef": field, "path": "namespace"}]}},
            ],
        },
    }
