"""The values that an API server fills into built-in objects which leave them out."""

from collections.abc import Callable, Mapping
from typing import Any

from meshctl.lab.apiserver import crds
from meshctl.objects import Manifest

_RBAC = "rbac.authorization.k8s.io"


def fill(kind: str, obj: Manifest) -> Manifest:
    """Return an object of a built-in kind with its defaults; the object itself is left alone."""
    metadata = {key: value for key, value in obj["metadata"].items() if value not in ({}, [], None, "")}
    plain = {**obj, "metadata": metadata}
    filler = _FILLERS.get(kind)
    return filler(plain) if filler else plain


def fill_status(kind: str, obj: Manifest) -> Manifest:
    """Return an object of a built-in kind with the defaults of its status."""
    return _with_modes(obj) if kind == "Service" else obj


def _defaults(value: Manifest | None, **given: Any) -> Manifest:
    return {**given, **{key: part for key, part in (value or {}).items() if part is not None}}


def _spec(obj: Manifest, **given: Any) -> Manifest:
    return {**obj, "spec": _defaults(obj.get("spec"), **given)}


def _namespace(obj: Manifest) -> Manifest:
    name = obj["metadata"].get("name")
    labels = {**(obj["metadata"].get("labels") or {})}
    if name:
        labels["kubernetes.io/metadata.name"] = name
    metadata = {**obj["metadata"], "labels": labels} if labels else obj["metadata"]
    return _spec({**obj, "metadata": metadata})


def _ports(ports: Any, **given: Any) -> Any:
    return [_defaults(port, **given) for port in ports] if isinstance(ports, list) else ports


def _service(obj: Manifest) -> Manifest:
    spec = _defaults(obj.get("spec"), sessionAffinity="None", type="ClusterIP")
    if spec.get("ports"):
        spec["ports"] = [_defaults(port, protocol="TCP", targetPort=port.get("port")) for port in spec["ports"]]
    if spec["type"] != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["type"] in ("LoadBalancer", "NodePort"):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    return _with_modes({**obj, "spec": spec})


def _with_modes(service: Manifest) -> Manifest:
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress")
    if not ingress:
        return service
    full = [_defaults(item, ipMode="VIP") if item.get("ip") else item for item in ingress]
    balancer = {**service["status"]["loadBalancer"], "ingress": full}
    return {**service, "status": {**service["status"], "loadBalancer": balancer}}


def _pull_policy(image: str) -> str:
    last = image.rpartition("/")[2]
    if "@" in last:
        return "IfNotPresent"
    return "IfNotPresent" if ":" in last and not last.endswith(":latest") else "Always"


def _probe(probe: Manifest) -> Manifest:
    filled = _defaults(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    if "httpGet" in filled:
        filled["httpGet"] = _defaults(filled["httpGet"], path="/", scheme="HTTP")
    return filled


def _env(variable: Manifest) -> Manifest:
    field = (variable.get("valueFrom") or {}).get("fieldRef")
    if not field:
        return {key: value for key, value in variable.items() if value != "" or key != "value"}
    return {**variable, "valueFrom": {**variable["valueFrom"], "fieldRef": _defaults(field, apiVersion="v1")}}


def _container(container: Manifest) -> Manifest:
    filled = _defaults(
        container,
        imagePullPolicy=_pull_policy(container.get("image", "")),
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
    )
    if filled.get("ports"):
        filled["ports"] = _ports(filled["ports"], protocol="TCP")
    if filled.get("env"):
        filled["env"] = [_env(variable) for variable in filled["env"]]
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in filled:
            filled[name] = _probe(filled[name])
    return filled


_MODES = {"configMap": 0o644, "secret": 0o644, "downwardAPI": 0o644, "projected": 0o644}


def _volume(volume: Manifest) -> Manifest:
    filled = dict(volume)
    for source, mode in _MODES.items():
        if source in filled:
            filled[source] = _defaults(filled[source], defaultMode=mode)
    if "hostPath" in filled:
        filled["hostPath"] = _defaults(filled["hostPath"], type="")
    if (filled.get("projected") or {}).get("sources"):
        sources = [_projection(source) for source in filled["projected"]["sources"]]
        filled["projected"] = {**filled["projected"], "sources": sources}
    if (filled.get("downwardAPI") or {}).get("items"):
        filled["downwardAPI"] = {**filled["downwardAPI"], "items": _downward(filled["downwardAPI"]["items"])}
    if set(filled) == {"name"}:
        filled["emptyDir"] = {}
    return filled


def _projection(source: Manifest) -> Manifest:
    if "serviceAccountToken" in source:
        return {**source, "serviceAccountToken": _defaults(source["serviceAccountToken"], expirationSeconds=3600)}
    if (source.get("downwardAPI") or {}).get("items"):
        return {**source, "downwardAPI": {**source["downwardAPI"], "items": _downward(source["downwardAPI"]["items"])}}
    return source


def _downward(items: list[Manifest]) -> list[Manifest]:
    return [
        {**item, "fieldRef": _defaults(item["fieldRef"], apiVersion="v1")} if "fieldRef" in item else item
        for item in items
    ]


def pod_spec(spec: Manifest | None) -> Manifest:
    """Return a pod's spec (or a template's) with its defaults."""
    filled = _defaults(
        spec,
        dnsPolicy="ClusterFirst",
        restartPolicy="Always",
        schedulerName="default-scheduler",
        securityContext={},
        terminationGracePeriodSeconds=30,
    )
    if account := filled.get("serviceAccountName") or filled.get("serviceAccount"):
        filled["serviceAccountName"] = filled["serviceAccount"] = account
    for name in ("containers", "initContainers"):
        if isinstance(filled.get(name), list):
            filled[name] = [_container(container) for container in filled[name]]
    if isinstance(filled.get("volumes"), list):
        filled["volumes"] = [_volume(volume) for volume in filled["volumes"]]
    return filled


def _pod(obj: Manifest) -> Manifest:
    return {**obj, "spec": _defaults(pod_spec(obj.get("spec")), enableServiceLinks=True)}


def _with_template(obj: Manifest, **given: Any) -> Manifest:
    spec = _defaults(obj.get("spec"), **given)
    template = spec.get("template") or {}
    spec["template"] = {"metadata": template.get("metadata") or {}, "spec": pod_spec(template.get("spec"))}
    return {**obj, "spec": spec}


def _deployment(obj: Manifest) -> Manifest:
    filled = _with_template(obj, progressDeadlineSeconds=600, replicas=1, revisionHistoryLimit=10)
    strategy = _defaults(filled["spec"].get("strategy"), type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = _defaults(strategy.get("rollingUpdate"), maxSurge="25%", maxUnavailable="25%")
    filled["spec"]["strategy"] = strategy
    return filled


def _replica_set(obj: Manifest) -> Manifest:
    return _with_template(obj, replicas=1)


def _daemon_set(obj: Manifest) -> Manifest:
    filled = _with_template(obj, revisionHistoryLimit=10)
    strategy = _defaults(filled["spec"].get("updateStrategy"), type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = _defaults(strategy.get("rollingUpdate"), maxSurge=0, maxUnavailable=1)
    filled["spec"]["updateStrategy"] = strategy
    return filled


def _stateful_set(obj: Manifest) -> Manifest:
    return _with_template(obj, podManagementPolicy="OrderedReady", replicas=1, revisionHistoryLimit=10)


def _hpa(obj: Manifest) -> Manifest:
    return _spec(obj, minReplicas=1)


def _secret(obj: Manifest) -> Manifest:
    return _defaults(obj, type="Opaque")


def _role_binding(obj: Manifest) -> Manifest:
    filled = {**obj, "roleRef": _defaults(obj.get("roleRef"), apiGroup=_RBAC)}
    if obj.get("subjects"):
        filled["subjects"] = [
            subject if subject.get("kind") == "ServiceAccount" else _defaults(subject, apiGroup=_RBAC)
            for subject in obj["subjects"]
        ]
    return filled


def _webhook(webhook: Manifest, **given: Any) -> Manifest:
    filled = _defaults(
        webhook,
        failurePolicy="Fail",
        matchPolicy="Equivalent",
        namespaceSelector={},
        objectSelector={},
        timeoutSeconds=10,
        **given,
    )
    config = dict(filled.get("clientConfig") or {})
    if "service" in config:
        config["service"] = _defaults(config["service"], port=443)
    filled["clientConfig"] = config
    if filled.get("rules"):
        filled["rules"] = [_defaults(rule, scope="*") for rule in filled["rules"]]
    return filled


def _mutating(obj: Manifest) -> Manifest:
    return {**obj, "webhooks": [_webhook(hook, reinvocationPolicy="Never") for hook in obj.get("webhooks") or ()]}


def _validating(obj: Manifest) -> Manifest:
    return {**obj, "webhooks": [_webhook(hook) for hook in obj.get("webhooks") or ()]}


def _endpoint_slice(obj: Manifest) -> Manifest:
    endpoints = [_defaults(endpoint, conditions={}) for endpoint in obj.get("endpoints") or ()]
    return {**obj, "endpoints": endpoints, "ports": _ports(obj.get("ports") or [], name="", protocol="TCP")}


def _claim(obj: Manifest) -> Manifest:
    return _spec(obj, volumeMode="Filesystem")


_FILLERS: Mapping[str, Callable[[Manifest], Manifest]] = {
    "Namespace": _namespace,
    "Service": _service,
    "Pod": _pod,
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
    "DaemonSet": _daemon_set,
    "StatefulSet": _stateful_set,
    "HorizontalPodAutoscaler": _hpa,
    "Secret": _secret,
    "RoleBinding": _role_binding,
    "ClusterRoleBinding": _role_binding,
    "MutatingWebhookConfiguration": _mutating,
    "ValidatingWebhookConfiguration": _validating,
    "EndpointSlice": _endpoint_slice,
    "PersistentVolumeClaim": _claim,
    "CustomResourceDefinition": crds.complete,
}


def first_status(kind: str, spec: Manifest) -> Manifest | None:
    """Return the status a new object of a built-in kind has."""
    match kind:
        case "Namespace":
            return {"phase": "Active"}
        case "Pod":
            return {"phase": "Pending", "qosClass": _quality(spec)}
        case "Service":
            return {"loadBalancer": {}}
        case "ReplicaSet" | "StatefulSet":
            return {"replicas": 0}
        case "DaemonSet":
            names = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")
            return dict.fromkeys(names, 0)
        case "Deployment":
            return {}
        case "HorizontalPodAutoscaler":
            return {"currentMetrics": None, "desiredReplicas": 0}
        case _:
            return None


def _quality(spec: Manifest) -> str:
    resources = [part.get("resources") or {} for part in spec.get("containers") or ()]
    if not any(part.get("requests") or part.get("limits") for part in resources):
        return "BestEffort"
    wanted = {"cpu", "memory"}
    sure = all(
        wanted <= set(part.get("limits") or ()) and (part.get("requests") or part["limits"]) == part["limits"]
        for part in resources
    )
    return "Guaranteed" if sure else "Burstable"
