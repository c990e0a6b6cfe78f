"""Cluster IPs and node ports: handed out to Services, and given back."""

import ipaddress

from meshctl.lab.apiserver.status import Problem
from meshctl.lab.apiserver.store import Store
from meshctl.objects import Manifest

_NETWORK = ipaddress.ip_network("10.96.0.0/16")
_FIRST_PORT, _LAST_PORT = 30000, 32767


class Addresses:
    """Knows what is in use by looking at the Services there are; remembers only where to look next."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next_ip = 10
        self._next_port = _FIRST_PORT

    def complete(self, service: Manifest, old: Manifest | None) -> Manifest:
        """Return a Service with its cluster IP and node ports."""
        spec = dict(service["spec"])
        before = (old or {}).get("spec") or {}
        if spec.get("type") == "ExternalName":
            for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"):
                spec.pop(name, None)
            return {**service, "spec": spec}
        if not spec.get("clusterIP"):
            spec["clusterIP"] = before.get("clusterIP") or self._free_ip()
        spec["clusterIPs"] = [spec["clusterIP"]]
        spec.setdefault("ipFamilies", before.get("ipFamilies") or ["IPv4"])
        spec.setdefault("ipFamilyPolicy", before.get("ipFamilyPolicy") or "SingleStack")
        if spec.get("type") in ("NodePort", "LoadBalancer"):
            spec["ports"] = self._with_node_ports(spec.get("ports") or [], before.get("ports") or [])
        return {**service, "spec": spec}

    def problem(self, service: Manifest) -> Problem | None:
        """Say whether the Service asks for a cluster IP that another has."""
        metadata, wanted = service["metadata"], (service.get("spec") or {}).get("clusterIP")
        me = metadata.get("namespace", ""), metadata["name"]
        if wanted in (None, "", "None"):
            return None
        for snapshot in self._store.items("services"):
            if snapshot.key != me and snapshot.obj["spec"].get("clusterIP") == wanted:
                text = f'Invalid value: ["{wanted}"]: failed to allocate IP {wanted}: provided IP is already allocated'
                return Problem("spec.clusterIPs", "FieldValueInvalid", text)
        return None

    def _free_ip(self) -> str:
        used = {snapshot.obj["spec"].get("clusterIP") for snapshot in self._store.items("services")}
        while (address := str(_NETWORK[self._next_ip])) in used:
            self._next_ip += 1
        self._next_ip += 1
        return address

    def _with_node_ports(self, ports: list[Manifest], before: list[Manifest]) -> list[Manifest]:
        known = {(port.get("port"), port.get("protocol")): port.get("nodePort") for port in before}
        numbered = []
        for port in ports:
            number = port.get("nodePort") or known.get((port.get("port"), port.get("protocol"))) or self._free_port()
            numbered.append({**port, "nodePort": number})
        return numbered

    def _free_port(self) -> int:
        self._next_port = self._next_port + 1 if self._next_port < _LAST_PORT else _FIRST_PORT
        return self._next_port
