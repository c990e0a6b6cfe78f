"""What is wrong with an object of a built-in kind, in the words of the real API server."""

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from meshctl.lab.apiserver import crds, naming
from meshctl.lab.apiserver.status import Problem
from meshctl.objects import Manifest, dig

Problems = Iterator[Problem]


def invalid(path: str, value: Any, why: str) -> Problem:
    """Say that a value is invalid."""
    return Problem(path, "FieldValueInvalid", f"Invalid value: {json.dumps(value, separators=(',', ':'))}: {why}")


def required(path: str, why: str = "") -> Problem:
    """Say that a value is missing."""
    return Problem(path, "FieldValueRequired", f"Required value: {why}" if why else "Required value")


def metadata_problems(kind: str, obj: Manifest) -> Problems:
    """Yield what is wrong with an object's name and labels."""
    metadata = obj["metadata"]
    test = _NAME_TESTS.get(kind, naming.subdomain_problem)
    if why := test(metadata["name"]):
        yield invalid("metadata.name", metadata["name"], why)
    labels = metadata.get("labels") or {}
    for value in labels.values():
        if why := naming.label_value_problem(value):
            yield invalid("metadata.labels", value, why)


_NAME_TESTS: Mapping[str, Callable[[str], str]] = {
    "Namespace": naming.label_problem,
    "Service": naming.service_name_problem,
    **dict.fromkeys(("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"), naming.path_name_problem),
}


def problems(kind: str, obj: Manifest, old: Manifest | None) -> list[Problem]:
    """Return what is wrong with an object that is to be stored in place of `old`."""
    found = list(metadata_problems(kind, obj)) if old is None else []
    check, changes = _CHECKS.get(kind), _CHANGES.get(kind)
    if check:
        found += check(obj)
    if changes and old is not None:
        found += changes(obj, old)
    return found


def _service(obj: Manifest) -> Problems:
    spec = obj.get("spec") or {}
    if spec.get("type") == "ExternalName":
        name = spec.get("externalName") or ""
        if not name:
            yield required("spec.externalName")
        elif why := naming.subdomain_problem(name.removesuffix(".")):
            yield invalid("spec.externalName", name, why)
        return
    yield from _offered("spec.type", spec.get("type"), ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"))
    ports = spec.get("ports") or []
    if not ports and spec.get("clusterIP") != "None":
        yield required("spec.ports")
    for n, port in enumerate(ports):
        if not isinstance(port.get("port"), int) or not 0 < port["port"] < 65536:
            yield invalid(f"spec.ports[{n}].port", port.get("port", 0), "must be between 1 and 65535, inclusive")
        if len(ports) > 1 and not port.get("name"):
            yield required(f"spec.ports[{n}].name")
        elif port.get("name") and port["name"] in [earlier.get("name") for earlier in ports[:n]]:
            text = f"Duplicate value: {json.dumps(port['name'])}"
            yield Problem(f"spec.ports[{n}].name", "FieldValueDuplicate", text)
        yield from _offered(f"spec.ports[{n}].protocol", port.get("protocol", "TCP"), ("SCTP", "TCP", "UDP"))


def _offered(path: str, value: Any, offered: tuple[str, ...]) -> Problems:
    if value not in offered:
        listed = ", ".join(json.dumps(one) for one in offered)
        text = f"Unsupported value: {json.dumps(value)}: supported values: {listed}"
        yield Problem(path, "FieldValueNotSupported", text)


def _endpoint_slice(obj: Manifest) -> Problems:
    family = obj.get("addressType")
    if not family:
        yield required("addressType")
    for n, endpoint in enumerate(obj.get("endpoints") or ()):
        for m, address in enumerate(endpoint.get("addresses") or ()):
            if family in ("IPv4", "IPv6") and not _is_ip(address):
                why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
                yield invalid(f"endpoints[{n}].addresses[{m}]", address, why)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _pod_spec(spec: Manifest, path: str) -> Problems:
    containers = spec.get("containers")
    if not containers:
        yield required(f"{path}.containers")
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    for group in ("initContainers", "containers"):
        for n, container in enumerate(spec.get(group) or ()):
            where = f"{path}.{group}[{n}]"
            if not container.get("name"):
                yield required(f"{where}.name")
            elif why := naming.label_problem(container["name"]):
                yield invalid(f"{where}.name", container["name"], why)
            if not container.get("image"):
                yield required(f"{where}.image")
            for m, mount in enumerate(container.get("volumeMounts") or ()):
                if mount.get("name") not in volumes:
                    text = f"Not found: {json.dumps(mount.get('name', ''))}"
                    yield Problem(f"{where}.volumeMounts[{m}].name", "FieldValueNotFound", text)


def _pod(obj: Manifest) -> Problems:
    yield from _pod_spec(obj.get("spec") or {}, "spec")


def _workload(obj: Manifest) -> Problems:
    spec = obj.get("spec") or {}
    selector, labels = spec.get("selector"), dig(spec, "template", "metadata", "labels") or {}
    wanted = (selector or {}).get("matchLabels") or {}
    if not selector:
        yield required("spec.selector")
    elif any(labels.get(key) != value for key, value in wanted.items()):
        why = "`selector` does not match template `labels`"
        yield invalid("spec.template.metadata.labels", labels, why)
    yield from _pod_spec(dig(spec, "template", "spec") or {}, "spec.template.spec")


def _webhooks(obj: Manifest) -> Problems:
    for n, webhook in enumerate(obj.get("webhooks") or ()):
        here = f"webhooks[{n}]"
        if webhook.get("name", "").count(".") < 2:
            why = "should be a domain with at least three segments separated by dots"
            yield invalid(f"{here}.name", webhook.get("name", ""), why)
        if not webhook.get("sideEffects"):
            yield required(f"{here}.sideEffects", "must specify one of None, NoneOnDryRun")
        if not webhook.get("admissionReviewVersions"):
            yield required(f"{here}.admissionReviewVersions", "must specify one of v1, v1beta1")
        yield from _client_config(webhook.get("clientConfig") or {}, f"{here}.clientConfig")


def _client_config(config: Manifest, here: str) -> Problems:
    service = config.get("service")
    if bool(service) == bool(config.get("url")):
        yield required(here, "exactly one of url or service is required")
    path = (service or {}).get("path")
    if not path:
        return
    if not path.startswith("/"):
        yield invalid(f"{here}.service.path", path, "must start with a '/'")
        return
    for n, step in enumerate(path[1:].split("/") if len(path) > 1 else ()):
        why = naming.subdomain_problem(step) if step else ""
        if not step:
            yield invalid(f"{here}.service.path", path, f"segment[{n}] may not be empty")
        elif why:
            yield invalid(f"{here}.service.path", path, f"segment[{n}]: {why}")


_SECRET_KEYS: Mapping[str, tuple[str, ...]] = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
}


def _secret(obj: Manifest) -> Problems:
    data = obj.get("data") or {}
    yield from _keys(data)
    for key, value in data.items():
        if not _is_base64(value):
            yield invalid(f"data[{key}]", "<secret contents redacted>", "illegal base64 data")
    for key in _SECRET_KEYS.get(obj.get("type", ""), ()):
        if key not in data:
            yield required(f"data[{key}]")
    account = "kubernetes.io/service-account.name"
    named = (obj["metadata"].get("annotations") or {}).get(account)
    if obj.get("type") == "kubernetes.io/service-account-token" and not named:
        yield required(f"metadata.annotations[{account}]")


def _keys(data: Manifest) -> Problems:
    for key in data:
        if not re.fullmatch("[-._a-zA-Z0-9]+", key):
            why = (
                "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
                "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
            )
            yield invalid(f"data[{key}]", key, why)


def _lease(obj: Manifest) -> Problems:
    for name in ("leaseDurationSeconds", "leaseTransitions"):
        value = dig(obj, "spec", name)
        if value is not None and value < (least := int(name == "leaseDurationSeconds")):
            why = "must be greater than 0" if least else "must be greater than or equal to 0"
            yield invalid(f"spec.{name}", value, why)


def _is_base64(value: Any) -> bool:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError):
        return False
    return True


def _role_binding(obj: Manifest) -> Problems:
    if not dig(obj, "roleRef", "name"):
        yield required("roleRef.name")


_CHECKS: Mapping[str, Callable[[Manifest], Problems]] = {
    "Service": _service,
    "EndpointSlice": _endpoint_slice,
    "Pod": _pod,
    "Deployment": _workload,
    "ReplicaSet": _workload,
    "DaemonSet": _workload,
    "StatefulSet": _workload,
    "MutatingWebhookConfiguration": _webhooks,
    "ValidatingWebhookConfiguration": _webhooks,
    "Secret": _secret,
    "ConfigMap": lambda obj: _keys(obj.get("data") or {}),
    "Lease": _lease,
    "RoleBinding": _role_binding,
    "ClusterRoleBinding": _role_binding,
    "CustomResourceDefinition": lambda obj: iter(crds.problems(obj)),
}


def _same(path: str) -> Callable[[Manifest, Manifest], Problems]:
    keys = path.split(".")

    def check(obj: Manifest, old: Manifest) -> Problems:
        now, before = dig(obj, *keys), dig(old, *keys)
        if now != before:
            yield invalid(path, now, "field is immutable")

    return check


def _role_ref(obj: Manifest, old: Manifest) -> Problems:
    if obj.get("roleRef") != old.get("roleRef"):
        ref = obj.get("roleRef") or {}
        shown = {"APIGroup": ref.get("apiGroup"), "Kind": ref.get("kind"), "Name": ref.get("name")}
        yield invalid("roleRef", shown, "cannot change roleRef")


def _unchangeable_data(obj: Manifest, old: Manifest) -> Problems:
    if obj.get("type") != old.get("type"):
        yield invalid("type", obj.get("type"), "field is immutable")
    if old.get("immutable") and (obj.get("data") != old.get("data") or not obj.get("immutable")):
        yield Problem("data", "FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set")


_POD_MAY = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName", "schedulingGates")


def _pod_change(obj: Manifest, old: Manifest) -> Problems:
    if _fixed(obj.get("spec") or {}) != _fixed(old.get("spec") or {}):
        text = (
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
            "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously "
            "negative)"
        )
        yield Problem("spec", "FieldValueForbidden", text)


def _fixed(spec: Manifest) -> Manifest:
    kept = {key: value for key, value in spec.items() if key not in _POD_MAY and key != "ephemeralContainers"}
    for group in ("containers", "initContainers"):
        containers = kept.get(group) or ()
        kept[group] = [{key: value for key, value in part.items() if key != "image"} for part in containers]
    return kept


def _service_change(obj: Manifest, old: Manifest) -> Problems:
    now, before = dig(obj, "spec", "clusterIP"), dig(old, "spec", "clusterIP")
    external = "ExternalName" in (dig(obj, "spec", "type"), dig(old, "spec", "type"))
    if before and now != before and not external:
        yield invalid("spec.clusterIPs[0]", [now], "may not change once set")


_CHANGES: Mapping[str, Callable[[Manifest, Manifest], Problems]] = {
    "Deployment": _same("spec.selector"),
    "ReplicaSet": _same("spec.selector"),
    "DaemonSet": _same("spec.selector"),
    "StatefulSet": _same("spec.selector"),
    "EndpointSlice": _same("addressType"),
    "RoleBinding": _role_ref,
    "ClusterRoleBinding": _role_ref,
    "Secret": _unchangeable_data,
    "ConfigMap": _unchangeable_data,
    "Pod": _pod_change,
    "Service": _service_change,
}
