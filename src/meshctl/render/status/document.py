"""A status report as a document for programs; docs/reference/status.md describes its keys, a test pins them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from meshctl.checks.finding import Finding
from meshctl.checks.status.model import (
    Access,
    CertificateSeen,
    ClusterStatus,
    GatewaySeen,
    Health,
    Resource,
    StatusReport,
    Workload,
)
from meshctl.objects import Verdict
from meshctl.render.text import one_line

VERSION = 1


def document(report: StatusReport) -> dict[str, Any]:
    """Return the report as JSON-like data; every text in it is one harmless line."""
    return {
        "v": VERSION,
        "type": "status",
        "at": round(report.at.timestamp(), 3),
        "healthy": report.healthy,
        "installed": report.installed,
        "mesh_id": one_line(report.mesh_id),
        "version": one_line(report.version),
        "managers": [one_line(name) for name in report.managers],
        "clusters": [_clean(_cluster(report, one)) for one in report.clusters],
        "problems": [_finding(one) for one in report.problems],
        "first_broken_links": [_finding(one) for one in report.broken],
        "not_judged": [_clean({"cluster": one.cluster, "link": one.link, "why": one.why}) for one in report.unjudged],
        "drift": [
            _clean({"cluster": one.cluster, "what": one.what, "asked": one.asked, "found": one.found})
            for one in report.drift
        ],
    }


def _cluster(report: StatusReport, one: ClusterStatus) -> dict[str, Any]:
    return {
        "name": one.name,
        "context": one.context,
        "role": str(one.role),
        "network": one.network,
        "health": str(report.health(one)),
        "answers": not one.silence,
        "silence": one.silence,
        "api_server": one.server,
        "kubernetes": one.kubernetes,
        "operator": one.operator
        and {
            "name": one.operator.name,
            "version": one.operator.version,
            "ready": one.operator.ready,
            "wanted": one.operator.wanted,
        },
        "resources": [_resource(resource) for resource in one.resources],
        "istiod": _workload(one.istiod),
        "gateway": _gateway(one.gateway),
        "access": _access(one.access),
        "discovery": one.discovery
        and {
            "used": list(one.discovery.used),
            "live": list(one.discovery.live),
            **_verdict("current", one.discovery.verdict),
        },
        "probe": one.probe and _verdict("passed", one.probe),
        "trust": [
            {"object": trust.place, "roots": [_certificate(root) for root in trust.roots]} for trust in one.trust
        ],
        "signing_certificate": _certificate(one.signing),
        "not_seen": list(one.hidden),
    }


def _resource(one: Resource) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "name": one.name,
        "version": one.version,
        "state": one.state,
        **_verdict("healthy", one.verdict),
        "generation": one.generation,
        "observed_generation": one.observed,
        "managers": list(one.managers),
        "conditions": [
            {"type": seen.type, "status": seen.status, "reason": seen.reason, "message": seen.message}
            for seen in one.conditions
        ],
    }


def _workload(one: Workload | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "name": one.name,
        "version": one.version,
        "ready": one.ready,
        "wanted": one.wanted,
        **_verdict("available", one.verdict),
    }


def _gateway(one: GatewaySeen | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "addresses": list(one.addresses),
        "network": one.network,
        "deployment": _workload(one.workload),
        "proxies": list(one.proxies),
        "not_injected": list(one.bare),
    }


def _access(one: Access | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "secret": one.secret,
        "secret_created": _moment(one.secret_made),
        "token_created": _moment(one.token_made),
        "synced": None if one.health is Health.UNKNOWN else one.verdict.met,
        "detail": one.verdict.detail,
        "istiods": [{"pod": view.pod, "status": view.status, "trouble": view.trouble} for view in one.views],
    }


def _certificate(one: CertificateSeen | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {"subject": one.subject, "sha256": one.fingerprint, "expires": _moment(one.expires)}


def _verdict(word: str, verdict: Verdict) -> dict[str, Any]:
    """Return a verdict under its word; what a condition says besides being met is about why it is not."""
    return {word: verdict.met, "detail": "" if verdict.met else verdict.detail}


def _finding(one: Finding) -> dict[str, Any]:
    return {
        "severity": str(one.severity),
        "cluster": one_line(one.cluster),
        "code": one.code,
        "text": one_line(one.text),
        "hint": one_line(one.hint),
        "command": one_line(one.command),
        "evidence": [one_line(text) for text in one.evidence],
    }


def _moment(at: datetime | None) -> str | None:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else None


def _clean(value: Any) -> Any:
    """Return the same data with every text as one harmless line: texts come from servers."""
    if isinstance(value, Mapping):
        return {key: _clean(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_clean(one) for one in value]
    return one_line(value) if isinstance(value, str) else value
