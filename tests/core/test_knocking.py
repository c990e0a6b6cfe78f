"""What curl, istiod and Envoy say, read: the words are theirs."""

import pytest

from meshctl.bundle.proxies import endpoints_of
from meshctl.checks.knocking import Door, Knock, command, parse
from meshctl.checks.trials import parse_clusters, parse_networkz
from meshctl.errors import ClusterError

URL = "https://172.18.100.1:15443/"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        pytest.param(f"port {URL} 0 0.001104", Knock.REACHED, id="an answer"),
        pytest.param(f"port {URL} 35 0.000812", Knock.REACHED, id="TLS fails on a connection"),
        pytest.param(f"port {URL} 52 0.000812", Knock.REACHED, id="nothing is said on a connection"),
        pytest.param(f"port {URL} 28 0.000812", Knock.REACHED, id="a connection that stays silent"),
        pytest.param(f"port {URL} 7 0.000000", Knock.REFUSED, id="refused"),
        pytest.param(f"port {URL} 28 0.000000", Knock.DROPPED, id="dropped"),
        pytest.param(f"port {URL} 6 0.000000", None, id="a name that does not resolve there"),
        pytest.param("404 page not found", None, id="what a server said"),
        pytest.param(f"port {URL} %{{exitcode}} 0.000000", None, id="a curl that is too old"),
    ],
)
def test_what_curl_says_of_a_port(said: str, found: Knock | None) -> None:
    assert parse(f"404 page not found\n{said}\n").get(URL) is found


def test_a_door_is_tried_by_the_protocol_behind_it() -> None:
    assert Door("cluster1", "172.18.100.1", 15021).url == "http://172.18.100.1:15021/healthz/ready"
    assert Door("cluster1", "fd00::1", 15443).url == "https://[fd00::1]:15443/"
    assert command([URL])[-1] == URL


CLUSTERS = """\
outbound|5000||helloworld.sample.svc.cluster.local::observability_name::outbound|5000||helloworld.sample.svc.cluster.local
outbound|5000||helloworld.sample.svc.cluster.local::default_priority::max_connections::4294967295
outbound|5000||helloworld.sample.svc.cluster.local::added_via_api::true
outbound|5000||helloworld.sample.svc.cluster.local::10.244.0.7:5000::cx_active::0
outbound|5000||helloworld.sample.svc.cluster.local::10.244.0.7:5000::health_flags::healthy
outbound|5000||helloworld.sample.svc.cluster.local::172.30.0.120:15443::rq_total::4
outbound|5000||helloworld.other.svc.cluster.local::10.244.0.9:5000::rq_total::4
xds-grpc::./etc/istio/proxy/XDS::cx_connect_fail::0
"""


def test_endpoints_with_ipv6_addresses() -> None:
    host = "helloworld.sample.svc.cluster.local"
    line = f"outbound|5000||{host}::[2001:db8::7]:15443::health_flags::healthy\n"
    assert parse_clusters(line, host) == {"[2001:db8::7]:15443"}
    assert "[2001:db8::7]:15443" in endpoints_of(line)


def test_endpoints_of_a_service_as_envoy_lists_them() -> None:
    found = parse_clusters(CLUSTERS, "helloworld.sample.svc.cluster.local")
    assert found == {"10.244.0.7:5000", "172.30.0.120:15443"}


def test_network_gateways_as_istiod_lists_them() -> None:
    text = '[{"Network":"network1","Cluster":"cluster1","Addr":"172.18.100.1","Port":15443}]'
    assert parse_networkz(text) == {"network1": ("172.18.100.1:15443",)}
    assert parse_networkz("null") == {}
    with pytest.raises(ClusterError):
        parse_networkz("404 page not found")
