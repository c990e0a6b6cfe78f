"""What of an object a bundle shows: by lists of what is allowed."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from meshctl.bundle.cleaning import cleaned
from meshctl.bundle.known import known, values_of
from meshctl.bundle.settings import settings_of
from meshctl.bundle.yamls import as_yaml
from meshctl.certs.authority import make_api_authority
from meshctl.objects import Manifest
from meshctl.render.hiding import HIDDEN
from meshctl.spec import Cluster, MeshSpec

PAIR = make_api_authority("Root CA", now=datetime(2026, 1, 1, tzinfo=UTC))
SECRET = "correct-horse-battery-staple"


def b64(data: bytes | str) -> str:
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def secret(name: str = "x", kind: str = "Opaque", **data: bytes | str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "istio-system", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "type": kind,
        "data": {key.replace("_", "."): b64(value) for key, value in data.items()},
    }


def config_map(name: str, namespace: str = "istio-system", **data: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": data,
    }


def test_a_secret_is_described() -> None:
    shown = cleaned(secret("cacerts", ca_crt=PAIR.cert, ca_key=PAIR.key, password=SECRET))
    (certificate,) = shown["keys"].pop("ca.crt")
    assert shown == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "cacerts", "namespace": "istio-system", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "type": "Opaque",
        "keys": {"ca.key": HIDDEN, "password": HIDDEN},
    }
    assert certificate["subject"] == "CN=Root CA"
    assert len(certificate["sha256"].split(":")) == 32


def test_a_key_where_a_certificate_should_be_stays_hidden() -> None:
    assert cleaned(secret(tls_crt=PAIR.key))["keys"] == {"tls.crt": []}
    both = as_yaml([secret(tls_crt=PAIR.cert + PAIR.key)])
    assert PAIR.key.decode().splitlines()[1] not in both


def test_of_config_maps_only_istios_own_are_shown() -> None:
    assert cleaned(config_map("theirs", password=SECRET))["keys"] == {"password": HIDDEN}
    assert cleaned(config_map("istio", mesh="rootNamespace: istio-system"))["keys"] == {
        "mesh": "rootNamespace: istio-system"
    }
    assert cleaned(config_map("istio", namespace="elsewhere", mesh="x: y"))["keys"] == {"mesh": HIDDEN}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"metadata": {"managedFields": [1], "name": "x"}}, {"metadata": {"name": "x"}}),
        (
            {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": SECRET}}},
            {"metadata": {"annotations": {}}},
        ),
        (
            {"metadata": {"annotations": {"example.com/note": SECRET, "sidecar.istio.io/inject": "true"}}},
            {"metadata": {"annotations": {"example.com/note": HIDDEN, "sidecar.istio.io/inject": "true"}}},
        ),
        (
            {"metadata": {"annotations": {"proxy.istio.io/config": f"password: {SECRET}"}}},
            {"metadata": {"annotations": {"proxy.istio.io/config": f"password: {HIDDEN}"}}},
        ),
        ({"metadata": {"annotations": None}}, {"metadata": {"annotations": None}}),
        (
            {"env": [{"name": "DB", "value": SECRET}, {"name": "PILOT_TRACE", "value": "1"}]},
            {"env": [{"name": "DB", "value": HIDDEN}, {"name": "PILOT_TRACE", "value": "1"}]},
        ),
        (
            {"env": [{"name": "PILOT_TOKEN", "value": SECRET}]},
            {"env": [{"name": "PILOT_TOKEN", "value": HIDDEN}]},
        ),
        (
            {"env": [{"name": "DB", "valueFrom": {"secretKeyRef": {"name": "db", "key": "p"}}}]},
            {"env": [{"name": "DB", "valueFrom": {"secretKeyRef": {"name": "db", "key": "p"}}}]},
        ),
        (
            {"values": {"pilot": {"env": {"DB": SECRET, "PILOT_X": "1"}}}},
            {"values": {"pilot": {"env": {"DB": HIDDEN, "PILOT_X": "1"}}}},
        ),
        ({"args": [f"--db-password={SECRET}"]}, {"args": [f"--db-password={HIDDEN}"]}),
        ({"values": {"registryPassword": SECRET}}, {"values": {"registryPassword": HIDDEN}}),
        ({"values": {"some": {"token": SECRET}}}, {"values": {"some": {"token": HIDDEN}}}),
        ({"volumes": [{"secret": {"secretName": "x"}}]}, {"volumes": [{"secret": {"secretName": "x"}}]}),
        ({"automountServiceAccountToken": True}, {"automountServiceAccountToken": True}),
        ({"imagePullSecrets": [{"name": "x"}]}, {"imagePullSecrets": [{"name": "x"}]}),
        ({"clientConfig": {"caBundle": ""}}, {"clientConfig": {"caBundle": ""}}),
    ],
)
def test_other_objects(given: dict[str, Any], shown: dict[str, Any]) -> None:
    assert cleaned(given) == shown


def test_a_ca_bundle_is_described() -> None:
    (one,) = cleaned({"clientConfig": {"caBundle": b64(PAIR.cert)}})["clientConfig"]["caBundle"]
    assert one["subject"] == "CN=Root CA"


def test_settings_show_neither_kubeconfigs_nor_secret_values() -> None:
    values = {"global": {"proxyPassword": SECRET}, "pilot": {"env": {"DB": SECRET}}}
    mesh = MeshSpec(
        Cluster("cluster1", "east", "network1", kubeconfig="/home/me/east"),
        (),
        kubeconfig="/home/me/all",
        istio_values=values,
    )
    shown = settings_of(mesh)
    assert shown["primary"]["context"] == "east"
    assert shown["istio_values"] == {"global": {"proxyPassword": HIDDEN}, "pilot": {"env": {"DB": HIDDEN}}}
    assert "/home/me" not in str(shown)


KUBECONFIG = f"""apiVersion: v1
kind: Config
users:
- name: cluster2
  user: {{token: {SECRET}}}
contexts:
- name: cluster2
"""
LOGIN = '{"auths": {"registry.example": {"username": "me", "password": "hunter2222", "auth": "bWU6aHVudGVyMjIyMg=="}}}'


@pytest.mark.parametrize(
    ("holding", "text", "shown"),
    [
        pytest.param(secret(token=SECRET), f"with {SECRET}, and", f"with {HIDDEN}, and", id="as it is"),
        pytest.param(secret(token=SECRET), f"with {b64(SECRET)}!", f"with {HIDDEN}!", id="as base64"),
        pytest.param(secret(token=SECRET), f"{b64(b64(SECRET))} it is", f"{HIDDEN} it is", id="as base64 of that"),
        pytest.param(secret(token=SECRET), f"with {SECRET[3:24]}", f"with {HIDDEN}", id="a part of it"),
        pytest.param(secret(token=SECRET), f"with x{SECRET[3:24]}/y", f"with {HIDDEN}", id="a part of it in others"),
        pytest.param(secret(token=SECRET), f"x {SECRET[:9]}", f"x {SECRET[:9]}", id="a part that may be anything"),
        pytest.param(secret(password="hunter22"), "it is hunter22!", f"it is {HIDDEN}!", id="a short one"),
        pytest.param(secret(cluster2=KUBECONFIG), f"{SECRET} of - name: cluster2", f"{HIDDEN} of - name: cluster2",
                     id="the credentials of a kubeconfig, and nothing else of it"),
        pytest.param(secret(login=LOGIN), "hunter2222, me, registry.example", f"{HIDDEN}, me, registry.example",
                     id="those of a registry"),
        pytest.param(secret(ca_key=PAIR.key), PAIR.key.decode().splitlines()[1], HIDDEN, id="a line of a key"),
        pytest.param(secret(ca_crt=PAIR.cert), PAIR.cert.decode(), PAIR.cert.decode(), id="certificates are public"),
        pytest.param(secret(namespace="istio-system"), "istio-system", "istio-system", id="so is a namespace"),
        pytest.param(secret(flag="true"), "it is true", "it is true", id="too short to be one"),
        pytest.param(secret(kind="helm.sh/release.v1", release="H4sIAAAA"), "H4sIAAAA", "H4sIAAAA", id="a release"),
        pytest.param(secret(x="apiVersion: [\n"), "apiVersion: [", HIDDEN, id="what cannot be read"),
    ],
)  # fmt: skip
def test_values_that_were_seen_are_found_everywhere(holding: Manifest, text: str, shown: str) -> None:
    assert known(values_of([holding])).without(text) == shown


ISTIO: Manifest = {
    "apiVersion": "sailoperator.io/v1",
    "kind": "Istio",
    "metadata": {"name": "default"},
    "spec": {
        "values": {
            "meshConfig": {
                "defaultConfig": {"proxyMetadata": {"DD_API_KEY": SECRET, "ISTIO_META_DNS_CAPTURE": "true"}},
                "extensionProviders": [
                    {"name": "otel", "opentelemetry": {"http": {"headers": [{"name": "X-Api-Key", "value": SECRET}]}}}
                ],
            }
        }
    },
}


@pytest.mark.parametrize(
    "obj",
    [
        ISTIO,
        config_map("istio", mesh=json.dumps(ISTIO["spec"]["values"]["meshConfig"])),
        {"kind": "Pod", "spec": {"containers": [{"name": "x", "args": ["--password", SECRET, "--port", "1"]}]}},
        {"kind": "Pod", "spec": {"containers": [{"name": "x", "env": [{"name": "DB_PASS", "value": SECRET}]}]}},
        {"kind": "VirtualService", "spec": {"http": [{"headers": {"request": {"set": {"Authorization": SECRET}}}}]}},
        {"kind": "X", "spec": {"aws_secret_access_key": SECRET, "apiKey": SECRET, "pwd": SECRET}},
    ],
    ids=["Istio", "mesh config", "arguments", "environment", "headers", "keys"],
)
def test_credentials_in_settings_are_hidden(obj: Manifest) -> None:
    shown = as_yaml([obj])
    assert SECRET not in shown
    assert HIDDEN in shown


def test_settings_with_nothing_to_hide_stay_as_they_are() -> None:
    text = "# as somebody wrote it\ndefaultConfig:\n  concurrency:   2\n"
    assert cleaned(config_map("istio", mesh=text))["keys"]["mesh"] == text
