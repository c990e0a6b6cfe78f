"""istiod's validating webhook: refuses Istio objects that make no sense."""

from collections.abc import Mapping
from typing import Any

from meshctl.objects import Manifest, dig


def problem(obj: Mapping[str, Any]) -> str:
    """Return what is wrong with an Istio object, nothing when it is fine."""
    spec = obj.get("spec") or {}
    match obj.get("kind"):
        case "Gateway":
            return _gateway(spec)
        case "VirtualService":
            return _virtual_service(spec)
        case _:
            return ""


def _gateway(spec: Mapping[str, Any]) -> str:
    servers = spec.get("servers") or ()
    if not servers:
        return "gateway must have at least one server"
    for server in servers:
        if not server.get("hosts"):
            return "server config must contain at least one host"
        number = dig(server, "port", "number")
        if not isinstance(number, int) or not 1 <= number <= 65535:
            return f"port number {number or 0} must be in the range 1..65535"
    return ""


def _virtual_service(spec: Mapping[str, Any]) -> str:
    if not spec.get("hosts"):
        return "virtual service must have at least one host"
    if not any(spec.get(protocol) for protocol in ("http", "tcp", "tls")):
        return "http, tcp or tls must be provided in virtual service"
    return ""


def answer(review: Manifest) -> Manifest:
    """Return the AdmissionReview that answers one."""
    request = review["request"]
    wrong = problem(request.get("object") or {}) if request.get("operation") != "DELETE" else ""
    response: Manifest = {"uid": request["uid"], "allowed": not wrong}
    if wrong:
        response["status"] = {"status": "Failure", "message": f"configuration is invalid: {wrong}"}
    return {"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response}
