"""What looks like a credential is hidden, and what only sounds like one is not."""

import base64

import pytest

from meshctl.render.hiding import HIDDEN, hide, hide_all

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJlLWJ5dGVz"
LINE = "MHcCAQEEIOnT3Bz8tW4Uoqkq1Zg0mR5sBvYHk1b1rXr8m8bV8qg7oAoGCCqGSM49"
KEY = f"-----BEGIN EC PRIVATE KEY-----\n{LINE}\n{LINE}\n-----END EC PRIVATE KEY-----\n"

ALWAYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "a JWT": (f"refused {JWT}!", (JWT,)),
    "a JWT that was cut off": (f"refused {JWT[:30]}", (JWT[:30],)),
    "a JWT as base64": (base64.b64encode(JWT.encode()).decode(), ("ZXlK",)),
    "a key": (f"see\n{KEY}end", (LINE,)),
    "a key that was cut off": (KEY[:60], (LINE[:20],)),
    "a key as base64": (base64.b64encode(KEY.encode()).decode(), ("LS0t",)),
    "a bearer": ("Bearer abcdefghijklmnopqrstuvwx", ("abcdefgh",)),
    "basic auth in a header": ("Authorization: Basic dXNlcjpwYXNz", ("dXNlcjpwYXNz",)),
    "basic auth in a URL": ("GET https://user:hunter22@proxy.example:3128/", ("hunter22", "user")),
    "a password": ("--db-password=hunter22 --x", ("hunter22",)),
    "a password as YAML": ("password: hunter22", ("hunter22",)),
    "a password as JSON": ('{"password": "hunter22"}', ("hunter22",)),
    "a password as JSON in JSON": (r"{\"password\":\"hunter22\"}", ("hunter22",)),
    "an API key": ("API_KEY=0123-4567", ("0123-4567",)),
    "a client secret": ("clientSecret: topsecret1", ("topsecret1",)),
    "a token": ("token=abcdef1234", ("abcdef1234",)),
    "a token of OpenShift": ("sha256~hq0w9C8Ygm3L5nT1kq7oXv2b", ("hq0w9C8Y",)),
}
ONLY_FREE: dict[str, tuple[str, tuple[str, ...]]] = {
    "the end of a key": (f"{LINE}\n{LINE}\n-----END EC PRIVATE KEY-----", (LINE,)),
    "a line of a key": (f"x\n{LINE}\ny", (LINE,)),
    "a token as YAML": ("  token: 8f3kd0s9f8g7h6j5", ("8f3kd0s9",)),
    "a secret as JSON": ('{"appSecret": "some words here"}', ("some words",)),
    "a bootstrap token": ("join with abcdef.0123456789abcdef", ("0123456789abcdef",)),
    "an AWS key": ("id AKIAIOSFODNN7EXAMPLE", ("AKIAIOSFODNN7EXAMPLE",)),
    "a token of GitHub": ("ghp_0123456789abcdefghijABCDEF", ("0123456789",)),
}


@pytest.mark.parametrize("name", ALWAYS)
def test_credentials_are_hidden_everywhere(name: str) -> None:
    text, secrets = ALWAYS[name]
    for hidden in (hide(text), hide_all(text)):
        assert HIDDEN in hidden
        assert [secret for secret in secrets if secret in hidden] == []


@pytest.mark.parametrize("name", ONLY_FREE)
def test_free_texts_hide_more(name: str) -> None:
    text, secrets = ONLY_FREE[name]
    assert [secret for secret in secrets if secret in hide_all(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "remote secret: there is no istio-remote-secret-cluster2",
        "Get a token for istiod: Kubernetes has not filled in the token yet",
        "secret/cacerts in istio-system: private key: does not belong to the certificate",
        "Adding cluster\tcluster=cluster2 secret=istio-system/istio-remote-secret-cluster2",
        "kubectl --context ctx2 -n istio-system get secret istio-remote-secret-cluster2",
        "the credentials of this context were not accepted; log in again",
        "https://172.18.1.2:6443 with the token of secret/x",
        "basic authentication is off; bearer authentication is on",
        "the password is asked for",
        "SHA-256 B1:73:A9:55:48:D7:87:E5",
        "registry.example/asm/proxyv2@sha256:abcdef",
    ],
)
def test_ordinary_sentences_stay(text: str) -> None:
    assert hide(text) == text


def test_lines_stay_lines() -> None:
    assert hide_all("one\npassword: hunter22\nthree\n") == f"one\npassword: {HIDDEN}\nthree\n"


@pytest.mark.parametrize("text", ["a" * 200_000, "password" * 20_000, "-----END PRIVATE KEY-----" + "A\n" * 50_000])
def test_long_texts_take_no_time_to_speak_of(text: str) -> None:
    # A pattern that goes back and forth would take hours.
    assert len(hide_all(text)) <= len(text)
