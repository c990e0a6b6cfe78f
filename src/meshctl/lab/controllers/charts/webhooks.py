"""The webhooks by which API servers ask istiod: injection of pods, validation of configuration."""

from meshctl.lab.controllers.charts.metadata import Chart
from meshctl.names import MUTATING_WEBHOOK, VALIDATING_WEBHOOK
from meshctl.objects import Manifest, dig

_REVISION = "istio.io/rev"
_INJECTION = "istio-injection"
_SIDECAR = "sidecar.istio.io/inject"
_CONFIG_GROUPS = ["security.istio.io", "networking.istio.io", "telemetry.istio.io", "extensions.istio.io"]


def suffixed(name: str, revision: str) -> str:
    """Return the name of an object of one revision; the revision `default` leaves no trace in names."""
    return f"{name}-{revision}" if revision else name


def injector_name(revision: str, namespace: str) -> str:
    """Return the name of the MutatingWebhookConfiguration (revision empty for `default`)."""
    name = suffixed("istio-sidecar-injector", revision)
    return name if namespace == "istio-system" else f"{name}-{namespace}"


def _key(key: str, operator: str, *values: str) -> Manifest:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


def _service(values: Manifest, path: str) -> Manifest:
    name = suffixed("istiod", values["revision"])
    return {"service": {"name": name, "namespace": values["global"]["istioNamespace"], "path": path, "port": 443}}


def _injection(values: Manifest, name: str, namespaces: list[Manifest], pods: list[Manifest]) -> Manifest:
    return {
        "name": f"{name}.sidecar-injector.istio.io",
        "clientConfig": _service(values, dig(values, "istiodRemote", "injectionPath") or "/inject"),
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "namespaceSelector": {"matchExpressions": namespaces},
        "objectSelector": {"matchExpressions": pods},
        "reinvocationPolicy": "Never",
        "rules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"], "scope": "*"}
        ],
        "sideEffects": "None",
        "timeoutSeconds": 10,
    }


def injector(chart: Chart, values: Manifest) -> Manifest:
    """Return the injection webhooks: by namespace or by pod, by revision or by the plain labels."""
    revision = values["revision"] or "default"
    no_revision, no_injection = _key(_REVISION, "DoesNotExist"), _key(_INJECTION, "DoesNotExist")
    this_revision, not_refused = _key(_REVISION, "In", revision), _key(_SIDECAR, "NotIn", "false")
    webhooks = [
        _injection(values, "rev.namespace", [this_revision, no_injection], [not_refused]),
        _injection(values, "rev.object", [no_revision, no_injection], [not_refused, this_revision]),
    ]
    if revision == "default":
        enabled, asked = _key(_INJECTION, "In", "enabled"), _key(_SIDECAR, "In", "true")
        webhooks += [
            _injection(values, "namespace", [enabled], [not_refused]),
            _injection(values, "object", [no_injection, no_revision], [asked, no_revision]),
        ]
    labels = {
        "app": "sidecar-injector",
        _REVISION: revision,
        "operator.istio.io/component": "Pilot",
        "release": chart.release,
    }
    name = injector_name(values["revision"], values["global"]["istioNamespace"])
    return chart.made(MUTATING_WEBHOOK, name, labels=labels, webhooks=webhooks)


def _validation(values: Manifest, name: str, *, upgrade: bool) -> Manifest:
    webhook = {
        "name": name,
        "clientConfig": _service(values, "/validate"),
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Ignore",
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "rules": [
            {
                "apiGroups": _CONFIG_GROUPS,
                "apiVersions": ["*"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["*"],
                "scope": "*",
            }
        ],
        "sideEffects": "None",
        "timeoutSeconds": 10,
    }
    if upgrade:
        # Taken out so that istiod's choice stays; in fact the field goes, and the API server's default, Fail, comes.
        del webhook["failurePolicy"]
    return webhook


def validator(chart: Chart, values: Manifest, *, upgrade: bool) -> Manifest:
    """Return the webhook that validates configuration labelled for this revision."""
    revision = values["revision"] or "default"
    labels = {"app": "istiod", "istio": "istiod", _REVISION: revision, "release": chart.release}
    selector = {"matchExpressions": [_key(_REVISION, "In", revision)]}
    webhook = {**_validation(values, "rev.validation.istio.io", upgrade=upgrade), "objectSelector": selector}
    name = f"{suffixed('istio-validator', values['revision'])}-{values['global']['istioNamespace']}"
    return chart.made(VALIDATING_WEBHOOK, name, labels=labels, webhooks=[webhook])


def default_validator(chart: Chart, values: Manifest, *, upgrade: bool) -> Manifest:
    """Return the webhook of the base chart that validates all configuration without a revision of its own."""
    labels = {"app": "istiod", "istio": "istiod", _REVISION: "default", "release": chart.release}
    labels["app.kubernetes.io/name"] = "istiod"
    webhook = {**_validation(values, "validation.istio.io", upgrade=upgrade), "objectSelector": {}}
    return chart.made(VALIDATING_WEBHOOK, "istiod-default-validator", labels=labels, webhooks=[webhook])
