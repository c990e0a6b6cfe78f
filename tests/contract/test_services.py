"""Services: what is filled in, and what is refused in words that users of a mesh get to read."""

import ipaddress

import pytest

from meshctl.objects import Manifest
from tests.contract.asking import Asker
from tests.contract.manifests import core, service

SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def test_a_cluster_ip_service(api: Asker, namespace: str) -> None:
    made = api.post(core(namespace, "services"), service(ports=[{"port": 80}], selector={"app": "x"})).obj()
    spec = made["spec"]
    address = spec["clusterIP"]
    assert ipaddress.ip_address(address) in ipaddress.ip_network("10.96.0.0/16")
    assert spec == {
        "clusterIP": address,
        "clusterIPs": [address],
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
        "selector": {"app": "x"},
        "sessionAffinity": "None",
        "type": "ClusterIP",
    }
    assert made["status"] == {"loadBalancer": {}}


def test_a_load_balancer(api: Asker, namespace: str) -> None:
    ports = [{"name": "tls", "port": 15443, "targetPort": 15443}, {"name": "status", "port": 15021}]
    made = api.post(core(namespace, "services"), service(type="LoadBalancer", ports=ports)).obj()
    spec = made["spec"]
    assert spec["allocateLoadBalancerNodePorts"] is True
    assert spec["externalTrafficPolicy"] == "Cluster"
    assert all(30000 <= port["nodePort"] <= 32767 for port in spec["ports"])
    assert made["status"] == {"loadBalancer": {}}
    path = core(namespace, "services", "x")
    given = {"status": {"loadBalancer": {"ingress": [{"ip": "172.18.101.1"}]}}}
    done = api.patch(f"{path}/status", given).obj()
    assert done["status"] == {"loadBalancer": {"ingress": [{"ip": "172.18.101.1", "ipMode": "VIP"}]}}
    plain = api.patch(path, {"status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}).obj()
    assert plain["status"] == done["status"]
    named = {"status": {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}]}}}
    hostname = api.patch(f"{path}/status", named).obj()
    assert hostname["status"] == {"loadBalancer": {"ingress": [{"hostname": "lb.example.com"}]}}


def test_an_update_keeps_addresses_and_ports(api: Asker, namespace: str) -> None:
    path = core(namespace, "services", "x")
    wanted = {**service(type="LoadBalancer", ports=[{"name": "a", "port": 80}])}
    first = api.apply(path, wanted, "one").obj()
    more = service(type="LoadBalancer", ports=[{"name": "a", "port": 80}, {"name": "b", "port": 81}])
    second = api.apply(path, more, "one").obj()
    assert second["spec"]["clusterIP"] == first["spec"]["clusterIP"]
    assert second["spec"]["ports"][0] == first["spec"]["ports"][0]
    put = api.put(path, {**more, "metadata": {"name": "x"}}).obj()
    assert put["spec"]["clusterIP"] == first["spec"]["clusterIP"]


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (
            {"type": "ExternalName", "externalName": "172.31.77.97:15012"},
            f'spec.externalName: Invalid value: "172.31.77.97:15012": {SUBDOMAIN}',
        ),
        (
            {"type": "ExternalName", "externalName": "2001:db8::1"},
            f'spec.externalName: Invalid value: "2001:db8::1": {SUBDOMAIN}',
        ),
        ({"type": "ExternalName"}, "spec.externalName: Required value"),
        ({}, "spec.ports: Required value"),
        ({"ports": [{"port": 0}]}, "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"),
        (
            {"ports": [{"port": 99999}]},
            "spec.ports[0].port: Invalid value: 99999: must be between 1 and 65535, inclusive",
        ),
        ({"ports": [{"port": 80, "name": "a"}, {"port": 81}]}, "spec.ports[1].name: Required value"),
        ({"ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "a"}]}, 'spec.ports[1].name: Duplicate value: "a"'),
        (
            {"ports": [{"port": 80}], "clusterIP": "10.96.0.1"},
            (
                'spec.clusterIPs: Invalid value: ["10.96.0.1"]: failed to allocate IP 10.96.0.1: '
                "provided IP is already allocated"
            ),
        ),
        (
            {"type": "Odd", "ports": [{"port": 80}]},
            (
                'spec.type: Unsupported value: "Odd": supported values: '
                '"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'
            ),
        ),
        (
            {"ports": [{"port": 80, "protocol": "Odd"}]},
            'spec.ports[0].protocol: Unsupported value: "Odd": supported values: "SCTP", "TCP", "UDP"',
        ),
    ],
)
def test_what_is_refused(api: Asker, namespace: str, spec: Manifest, problem: str) -> None:
    refused = api.post(core(namespace, "services"), service(**spec))
    assert (refused.status, refused.reason) == (422, "Invalid")
    assert problem in refused.message
    assert refused.message.startswith('Service "x" is invalid: ')


def test_an_external_name(api: Asker, namespace: str) -> None:
    made = api.post(core(namespace, "services"), service(type="ExternalName", externalName="lb.example.com")).obj()
    assert made["spec"] == {"externalName": "lb.example.com", "sessionAffinity": "None", "type": "ExternalName"}


def test_from_a_cluster_ip_to_a_name_and_back(api: Asker, namespace: str) -> None:
    path = core(namespace, "services", "x")
    api.post(core(namespace, "services"), service(ports=[{"port": 443}])).obj()
    named = {"spec": {"type": "ExternalName", "externalName": "lb.example.com", "clusterIP": None, "clusterIPs": None}}
    done = api.patch(path, named).obj()
    assert done["spec"]["externalName"] == "lb.example.com"
    assert "clusterIP" not in done["spec"]
    back = api.patch(path, {"spec": {"type": "ClusterIP", "externalName": None}}).obj()
    assert back["spec"]["clusterIP"]


def test_the_address_of_a_service_stays(api: Asker, namespace: str) -> None:
    api.post(core(namespace, "services"), service(ports=[{"port": 80}])).obj()
    path = core(namespace, "services", "x")
    refused = api.patch(path, {"spec": {"clusterIP": "10.96.200.200"}})
    assert refused.status == 422
    assert "may not change once set" in refused.message


def test_the_name_of_a_service_has_rules(api: Asker, namespace: str) -> None:
    refused = api.post(core(namespace, "services"), service("1x", ports=[{"port": 80}]))
    assert refused.status == 422
    assert 'metadata.name: Invalid value: "1x": a DNS-1035 label must consist of' in refused.message


def test_endpoint_slices_need_addresses(api: Asker, namespace: str) -> None:
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    slice_ = {"metadata": {"name": "x"}, "addressType": "IPv4", "endpoints": [{"addresses": ["lb.example.com"]}]}
    refused = api.post(path, slice_)
    assert refused.status == 422
    assert 'endpoints[0].addresses[0]: Invalid value: "lb.example.com": must be a valid IP' in refused.message
    fine = api.post(path, {**slice_, "endpoints": [{"addresses": ["172.18.1.1"]}], "ports": [{"port": 15012}]}).obj()
    assert fine["ports"] == [{"name": "", "port": 15012, "protocol": "TCP"}]
    assert fine["metadata"]["generation"] == 1
