"""Every fault the lab knows: a command ends by itself, with the right code, and names the cause; then all is well."""

from dataclasses import dataclass

import pytest

from meshctl.lab.faults import FAULT_KINDS
from tests.world.commands import Result
from tests.world.harness import LabUnderTest, fresh_lab

DONE, FAILED, REFUSED, TIMEOUT, VERIFICATION, LEFTOVERS = 0, 1, 3, 4, 5, 7
WAITS = ("contact", "cni", "istio", "remote", "gateway", "address", "expose", "token", "sync", "samples", "traffic")


def waits(seconds: float, *names: str) -> tuple[str, ...]:
    """Return the options that set waits."""
    return tuple(option for name in names or WAITS for option in ("--set", f"timeouts.{name}={seconds}"))


BRIEF = waits(2)
"""Short enough to see the end of a wait; what goes well in a lab without delays takes far less."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What becomes of a command under a fault. `says` must all be in what it prints.

    `options` are the command's; `speed` is the lab's; `installed` whether there is a mesh when the fault strikes.
    """

    code: int
    says: tuple[str, ...]
    fault: str = ""
    command: str = "install"
    options: tuple[str, ...] = BRIEF
    speed: str = "0"
    installed: bool = False


EXPECTED: dict[str, Expected] = {
    "lb-never": Expected(
        TIMEOUT,
        ("the load balancer has not given an address yet", "--gateway-address cluster1=IP"),
    ),
    "lb-absent": Expected(
        TIMEOUT,
        ("nothing shows that there is a load balancer", "[MESH-149]", "--gateway-address cluster1=IP"),
    ),
    "lb-late": Expected(
        DONE, ("the load balancer has not given an address yet",), "lb-late=30", options=(), speed="15"
    ),
    "lb-hostname": Expected(
        TIMEOUT,
        ("the load balancer hands out gateway.lab.invalid, which does not resolve here", "--gateway-address"),
    ),
    "old-kubernetes": Expected(
        REFUSED, ("Kubernetes is v1.27.16; Istio 1.28 is made for 1.30 to 1.34 [MESH-140]", "upgrade Kubernetes")
    ),
    "operator-absent": Expected(
        REFUSED, ("the Sail operator's Istio is not served here", "install the operator first")
    ),
    "operator-crashing": Expected(
        REFUSED,
        (
            "the Sail operator is installed, but none of its pods is ready",
            "kubectl --context east get pods -A -l app.kubernetes.io/component=sail-operator",
        ),
    ),
    "old-crd": Expected(REFUSED, ("the operator's Istio does not accept v1.28.6; it accepts", "upgrade the operator")),
    "crd-ahead": Expected(
        FAILED,
        (
            "the operator accepts v1.28.6, but may have no charts for it: its Deployment names images of v1.28.3",
            "[MESH-123]",
            'failed to resolve Istio version for "default": version "v1.28.6" not found',
            "upgrade the operator",
        ),
        options=waits(30),  # far from used up: this cannot heal, and is given up at once
    ),
    "multus-missing": Expected(
        REFUSED,
        ("Multus is not installed", "[MESH-143]", "install Multus, then restart the operator:"),
    ),
    "cni-broken": Expected(
        TIMEOUT,
        ("not all istio-cni-node pods are ready", "-n istio-cni describe daemonset istio-cni-node"),
    ),
    "istiod-not-ready": Expected(
        TIMEOUT, ("IstiodNotReady: not all istiod pods are ready", "-n istio-system describe pods -l app=istiod")
    ),
    "webhook-refusing": Expected(
        TIMEOUT, ("nothing listens behind the Service istiod", "-n istio-system logs deployment/istiod")
    ),
    "webhook-blocked": Expected(
        TIMEOUT, ("packets to port 15017 of the primary's gateway are dropped: a firewall", "nc -vz ADDRESS 15017")
    ),
    "xds-blocked": Expected(
        TIMEOUT, ("its proxy still waits for istiod, by port 15012 of cluster1's gateway: is that reachable?",)
    ),
    "data-blocked": Expected(
        VERIFICATION,
        ("cluster1 does not reach port 15443 of cluster2's gateway at 172.18.101.1: packets are dropped",),
        command="verify",
        installed=True,
    ),
    "gateway-unreachable": Expected(
        TIMEOUT, ("packets to port 15017 of the primary's gateway are dropped: a firewall", "nc -vz ADDRESS 15017")
    ),
    "api-429": Expected(DONE, ("Too many requests, please try again later.; trying again",), "api-429=0.1", options=()),
    "api-500": Expected(DONE, ("etcdserver: request timed out; trying again",), "api-500=0.2", options=()),
    "api-slow": Expected(DONE, ("GET /version 200",), "api-slow=0.02", options=("--verbose",)),
    "api-reset": Expected(DONE, ("the connection was closed by the server",), "api-reset=0.2", options=()),
    "api-down": Expected(REFUSED, ("cluster2: no answer in time", "nothing was written"), "api-down@west"),
    "api-hidden": Expected(
        TIMEOUT,
        (
            "istiod has not synced with cluster2: timeout; it goes to https://172.18.2.2:6443",
            "another address: --server cluster2=https://HOST:6443",
        ),
    ),
    "watch-gone": Expected(DONE, ("19 done, 0 failed",), options=()),
    "rbac-denied": Expected(
        REFUSED, ("cluster1: no permission to create secrets in istio-system", "ask for these rights")
    ),
    "expired-token": Expected(REFUSED, ("cluster1: Unauthorized", "were not accepted; log in again")),
    "reader-token-expired": Expected(
        TIMEOUT,
        (
            "istiod has not synced with cluster2: timeout",
            "kubectl --context west -n istio-system delete secret istio-reader",
        ),
    ),
    "wrong-root": Expected(
        REFUSED,
        ("cluster2: another root than cluster1: SHA-256", "meshctl certs apply --from certs --east east --west west"),
        "wrong-root@west",
    ),
    "stuck-finalizer": Expected(
        LEFTOVERS,
        (
            "being deleted, held by sailoperator.io/sail-operator",
            "left: cluster2: istiorevision/default",
            "look at the operator: kubectl --context west -n sail-operator logs",
        ),
        command="teardown",
        options=waits(2, "delete"),
        installed=True,
    ),
    "foreign-owner": Expected(
        FAILED,
        (
            'conflict: "gitops" owns .metadata.labels.topology.istio.io/network',
            "--force-conflicts takes these fields over",
        ),
    ),
    "clock-skew": Expected(
        DONE, ("cluster1: its clock is ", " s ahead of this machine's", "let every clock be set by NTP")
    ),
    "slow-stop": Expected(
        DONE,
        ("being deleted", "nothing is left of the mesh"),
        "slow-stop=20",
        command="teardown",
        options=(),
        speed="20",
        installed=True,
    ),
}


@pytest.mark.parametrize("name", [kind.name for kind in FAULT_KINDS])
def test_a_fault_is_named_and_once_it_is_over_all_goes_well(name: str) -> None:
    expected = EXPECTED[name]
    with fresh_lab("--speed", expected.speed) as lab:
        if expected.installed:
            assert lab.install().code == 0
        lab.fault(expected.fault or name)
        tried = run(lab, expected.command, *expected.options)
        assert tried.code == expected.code, tried.said
        assert [text for text in expected.says if text not in tried.said] == [], tried.said
        lab.clear()
        again = run(lab, expected.command)
        assert again.code == 0, again.said
        if expected.command == "install":
            verified = lab.verify()
            assert verified.code == 0, verified.said


def test_multus_that_is_missing_all_the_same_is_named_where_it_is_missed() -> None:
    with fresh_lab() as lab:
        lab.fault("multus-missing")
        tried = lab.install("--skip-check", "MESH-143", *waits(30))
        assert tried.code == FAILED, tried.said
        assert "skipped: cluster1: Multus is not installed" in tried.said
        for text in ("no matches for kind", "install Multus, then restart the operator: it caches the kinds it knows"):
            assert text in tried.said


def run(lab: LabUnderTest, command: str, *options: str) -> Result:
    """Run a command on east and west."""
    return {"install": lab.install, "verify": lab.verify, "teardown": lab.teardown}[command](*options)


def test_no_expectation_is_left_over() -> None:
    assert EXPECTED.keys() == {kind.name for kind in FAULT_KINDS}
