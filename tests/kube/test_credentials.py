import json
import os
import ssl
import stat
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from meshctl.cluster import Client
from meshctl.errors import ClusterError, ForbiddenError, SpecError, TransientError
from meshctl.kube import connect, contexts
from meshctl.names import THE_ISTIO

from .conftest import TOKEN, Authority, Dial, encoded, kubeconfig
from .server import Exchange, Server, serve


def empty(exchange: Exchange) -> None:
    exchange.json({})


def authorization(client: Client, server: Server) -> str | None:
    server.will(empty)
    client.get(THE_ISTIO)
    return server.seen[-1].headers.get("authorization")


def plugin(folder: Path, text: str) -> dict[str, Any]:
    """Return a user whose credentials come from a program."""
    script = folder / "plugin"
    script.write_text(f"#!/bin/sh\necho run >> '{folder}/runs'\n{text}\n")
    script.chmod(stat.S_IRWXU)
    command = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", "interactiveMode": "Never"}
    return {"exec": command}


def credential(**status: str) -> str:
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return f"cat <<'EOF'\n{json.dumps(answer)}\nEOF"


def test_importing_costs_nothing() -> None:
    code = "import sys, meshctl.kube; print([n for n in sys.modules if n in ('kubernetes', 'urllib3', 'websocket')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- who we are ----------------------------------------------------------------------------------------------------
def test_a_token(dial: Dial, server: Server) -> None:
    assert authorization(dial(server.url), server) == f"Bearer {TOKEN}"


def test_a_token_file_beside_the_kubeconfig(dial: Dial, server: Server, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file")
    assert authorization(dial(server.url, {"tokenFile": "token"}), server) == "Bearer from-a-file"


def test_a_missing_token_file(dial: Dial, server: Server, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"cluster2: .*token"):
        dial(server.url, {"tokenFile": "token"})


def test_name_and_password(dial: Dial, server: Server) -> None:
    assert authorization(dial(server.url, {"username": "a", "password": "b"}), server) == "Basic YTpi"


def test_a_user_without_credentials(dial: Dial, server: Server) -> None:
    assert authorization(dial(server.url, {"as": "nobody"}), server) is None


@pytest.mark.parametrize("inline", [True, False])
def test_a_client_certificate_leaves_no_key_behind(
    dial: Dial, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inline: bool
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    tls = authority.context()
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(cadata=authority.pair.cert.decode())
    pair = authority.client
    (tmp_path / "crt").write_bytes(pair.cert)
    (tmp_path / "key").write_bytes(pair.key)
    user = {"client-certificate-data": encoded(pair.cert), "client-key-data": encoded(pair.key)}
    with serve(tls) as server:
        client = dial(server.url, user if inline else {"client-certificate": "crt", "client-key": "key"})
        assert list(temporary.iterdir()) == []
        assert authorization(client, server) is None
        stranger = dial(server.url)
        with pytest.raises(ClusterError):
            stranger.get(THE_ISTIO)


def test_a_key_that_does_not_fit(dial: Dial, server: Server, authority: Authority) -> None:
    user = {"client-certificate-data": encoded(authority.client.cert), "client-key-data": encoded(authority.pair.key)}
    with pytest.raises(
        ClusterError, match="cluster2: kubeconfig: client-certificate and client-key do not make a pair"
    ):
        dial(server.url, user)


@pytest.mark.parametrize("data", ["%%%", encoded(b"no certificate"), encoded(b"\xff")])
def test_an_authority_that_is_none(dial: Dial, server: Server, data: str) -> None:
    with pytest.raises(ClusterError, match="cluster2: kubeconfig: certificate-authority"):
        dial(server.url, **{"certificate-authority-data": data})


def test_a_plugins_token(dial: Dial, server: Server, tmp_path: Path) -> None:
    client = dial(server.url, plugin(tmp_path, credential(token="minted")))
    assert authorization(client, server) == "Bearer minted"
    assert authorization(client, server) == "Bearer minted"
    assert (tmp_path / "runs").read_text().split() == ["run"]


def test_a_plugins_certificate(dial: Dial, authority: Authority, tmp_path: Path) -> None:
    tls = authority.context()
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(cadata=authority.pair.cert.decode())
    pair = authority.client
    text = credential(clientCertificateData=pair.cert.decode(), clientKeyData=pair.key.decode())
    with serve(tls) as server:
        assert authorization(dial(server.url, plugin(tmp_path, text)), server) is None


def test_a_plugin_that_fails(dial: Dial, server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ClusterError) as caught:
        dial(server.url, plugin(tmp_path, "echo 'Session expired, log in' >&2; exit 3"))
    assert "the credential plugin of context west failed: exec: process returned 3" in caught.value.message
    assert "Session expired, log in" in caught.value.message
    assert capfd.readouterr() == ("", "")


def test_an_expired_token_is_fetched_once_for_all_threads(dial: Dial, server: Server, tmp_path: Path) -> None:
    text = (
        f"if [ $(wc -l < '{tmp_path}/runs') = 1 ]; then\n"
        f"{credential(token='old', expirationTimestamp='2020-01-01T00:00:00Z')}\n"
        f"else\n{credential(token='new', expirationTimestamp='2999-01-01T00:00:00Z')}\nfi"
    )
    client = dial(server.url, plugin(tmp_path, text))
    server.will(*[empty] * 8)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client.get, [THE_ISTIO] * 8))
    assert {seen.headers["authorization"] for seen in server.seen} == {"Bearer new"}
    assert (tmp_path / "runs").read_text().split() == ["run", "run"]


def test_a_plugin_that_fails_later(
    dial: Dial, server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = (
        f"if [ $(wc -l < '{tmp_path}/runs') = 1 ]; then\n"
        f"{credential(token='old', expirationTimestamp='2020-01-01T00:00:00Z')}\n"
        "else echo 'Session expired' >&2; exit 1\nfi"
    )
    client = dial(server.url, plugin(tmp_path, text))
    server.will(lambda x: x.status(401, "Unauthorized", "Unauthorized"))
    with pytest.raises(ForbiddenError, match="cluster2: Unauthorized") as caught:
        client.get(THE_ISTIO)
    assert caught.value.hint == "the credential plugin failed: exec: process returned 1. Session expired"
    assert capfd.readouterr() == ("", "")


def test_a_plugin_that_asks_for_the_cluster(dial: Dial, server: Server, authority: Authority, tmp_path: Path) -> None:
    user = plugin(tmp_path, f"echo \"$KUBERNETES_EXEC_INFO\" > '{tmp_path}/info'\n{credential(token='minted')}")
    user["exec"]["provideClusterInfo"] = True
    assert authorization(dial(server.url, user), server) == "Bearer minted"
    told = json.loads((tmp_path / "info").read_text())["spec"]["cluster"]
    assert told == {"server": server.url, "certificate-authority-data": encoded(authority.pair.cert)}


# --- which server --------------------------------------------------------------------------------------------------
def test_another_name_for_tls(dial: Dial, server: Server) -> None:
    client = dial(server.url.replace("127.0.0.1", "localhost"), **{"tls-server-name": "api.test"})
    assert authorization(client, server)
    server.will(lambda x: x.status(403, "Forbidden", "as far as that"))
    with pytest.raises(ClusterError, match="as far as that"):
        client.exec("p", "n", "c", ["true"], 5)


def test_no_verification_when_the_kubeconfig_says_so(dial: Dial, server: Server) -> None:
    how = {"certificate-authority-data": None, "insecure-skip-tls-verify": True}
    assert authorization(dial(server.url, **how), server)


def test_plain_http(dial: Dial) -> None:
    with serve(None) as server:
        assert authorization(dial(server.url), server)


def test_the_environments_proxy_is_not_for_loopback(
    dial: Dial, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "example.com")
    client = dial(server.url)
    assert authorization(client, server)
    server.will(lambda x: x.status(403, "Forbidden", "no proxy in between"))
    with pytest.raises(ClusterError, match="no proxy in between"):
        client.exec("p", "n", "c", ["true"], 5)


def test_the_environments_proxy_is_for_others(dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(exchange: Exchange) -> None:
        exchange.reply(403, b"")

    with serve(None) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        client = dial("https://api.test:6443")
        proxy.will(refuse, refuse)
        with pytest.raises(TransientError, match="the proxy does not let us through"):
            client.get(THE_ISTIO)
        with pytest.raises(ClusterError):
            client.exec("p", "n", "c", ["true"], 5)
    assert [(seen.method, seen.headers.get("authorization")) for seen in proxy.seen] == [("CONNECT", None)] * 2


def test_the_kubeconfigs_proxy(dial: Dial, server: Server) -> None:
    with serve(None) as proxy:
        client = dial(server.url, **{"proxy-url": proxy.url})
        proxy.will(lambda x: x.reply(407, b""))
        with pytest.raises(TransientError, match="the proxy does not let us through"):
            client.get(THE_ISTIO)


# --- which kubeconfig ----------------------------------------------------------------------------------------------
def test_kubeconfig_is_a_list_and_the_first_that_names_something_wins(
    server: Server, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "token").write_text("first")
    first = kubeconfig(tmp_path / "sub" / "first", server.url, authority, {"tokenFile": "token"})
    second = kubeconfig(tmp_path / "second", "https://nowhere.invalid", authority, {"token": "second"})
    other = json.loads(second.read_text())
    other["contexts"].append({"name": "east", "context": {"cluster": "c", "user": "u"}})
    second.write_text(json.dumps(other))
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(["", str(tmp_path / "absent"), str(first), str(second)]))
    assert contexts() == ["west", "east"]
    client = connect("west")
    assert authorization(client, server) == "Bearer first"
    assert client.cluster == "west"
    client.close()


def test_a_named_kubeconfig_is_one_file(tmp_path: Path, server: Server, authority: Authority) -> None:
    folder = tmp_path / f"a{os.pathsep}b"
    folder.mkdir()
    config = kubeconfig(folder / "config", server.url, authority, {"token": TOKEN})
    client = connect("west", str(config))
    assert authorization(client, server)
    client.close()


PROBLEMS = [
    ("clusters: [", "config:2: is not valid YAML"),
    (f"users: [{{name: u, user: {{token: '{TOKEN}}}}}]\n  x: - :", "not valid YAML"),
    ("- a list", "is not a kubeconfig"),
    ("", "context west is not in the kubeconfig"),
    ("contexts: [{name: east, context: {}}]", "context west is not in the kubeconfig"),
    ("contexts: [{name: west, context: {cluster: c}}]", "context west in the kubeconfig has no cluster"),
    ("contexts: [{name: west}]\nclusters: nonsense", "clusters must be a list of entries with name and cluster"),
]


@pytest.mark.parametrize(("text", "problem"), PROBLEMS)
def test_a_kubeconfig_that_cannot_be_used(tmp_path: Path, text: str, problem: str) -> None:
    config = tmp_path / "config"
    config.write_text(text + "\n")
    with pytest.raises(SpecError) as caught:
        connect("west", str(config))
    assert problem in caught.value.message
    assert TOKEN not in f"{caught.value.message} {caught.value.hint}"


def test_no_kubeconfig_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SpecError, match=r"\.kube/config: no such file"):
        connect("west")
    with pytest.raises(SpecError, match=r"absent: no such file"):
        connect("west", str(tmp_path / "absent"))
    with pytest.raises(SpecError, match="can't be read"):
        connect("west", str(tmp_path))
