import json
import threading
from typing import Any

import pytest

from meshctl.cluster import Client, ExecResult, Request
from meshctl.errors import ClusterError, ForbiddenError, NotFoundError, TransientError

from .conftest import TOKEN, Dial
from .server import Exchange, Server

SUCCESS = {"metadata": {}, "status": "Success"}
ARGV = ["curl", "-H", "x-secret: é", "http://helloworld.sample:5000/hello?a=b&c"]
PATH = "/api/v1/namespaces/sample/pods/sleep-1/exec"


def exited(code: int) -> dict[str, Any]:
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}


def run(client: Client, timeout: float = 5) -> ExecResult:
    return client.exec("sleep-1", "sample", "sleep", ARGV, timeout)


def ran(exchange: Exchange, *frames: tuple[int, bytes], status: dict[str, Any] | None) -> Exchange:
    exchange.upgrade("v5.channel.k8s.io")
    for channel, data in frames:
        exchange.frame(bytes([channel]) + data)
    if status is not None:
        exchange.frame(b"\x03" + json.dumps(status).encode())
    return exchange


def close(exchange: Exchange) -> Exchange:
    exchange.frame(b"\x03\xe8", opcode=8).gone()
    return exchange.cut()


def test_output_and_exit_code(client: Client, server: Server, requests: list[Request]) -> None:
    def answer(exchange: Exchange) -> None:
        parts = [(1, b""), (1, b"hello "), (2, b"warn\n"), (1, "wörld\n".encode()[:3]), (1, "wörld\n".encode()[3:])]
        ran(exchange, *parts, (255, b"\x01"), status=SUCCESS)
        exchange.frame(b"", opcode=9)  # a ping
        exchange.frame(b"\x01late")
        close(exchange)

    server.will(answer)
    assert run(client) == ExecResult("hello wörld\nlate", "warn\n", 0)
    (seen,) = server.seen
    assert seen.path == PATH
    assert seen.query == [
        ("container", "sleep"),
        ("stdout", "true"),
        ("stderr", "true"),
        *(("command", arg) for arg in ARGV),
    ]
    assert seen.headers["authorization"] == f"Bearer {TOKEN}"
    assert seen.headers["sec-websocket-protocol"] == "v5.channel.k8s.io,v4.channel.k8s.io"
    assert seen.headers["user-agent"].startswith("meshctl/")
    assert "origin" not in seen.headers
    (request,) = requests
    assert (request.method, request.status) == ("GET", 101)
    assert request.path == f"{PATH}?container=sleep&stdout=true&stderr=true"


def test_an_exit_code_is_a_result(client: Client, server: Server) -> None:
    server.will(lambda x: close(ran(x, (2, b"no\n"), status=exited(7))))
    assert run(client) == ExecResult("", "no\n", 7)


def test_large_output(client: Client, server: Server) -> None:
    block = bytes(range(97, 123)) * 1000
    server.will(lambda x: close(ran(x, *[(1, block)] * 20, status=SUCCESS)))
    assert run(client).stdout == block.decode() * 20


def test_a_server_that_just_hangs_up_after_the_status(client: Client, server: Server) -> None:
    server.will(lambda x: ran(x, (1, b"ok"), status=SUCCESS).cut())
    assert run(client) == ExecResult("ok", "", 0)


def test_a_failure_of_the_server(client: Client, server: Server) -> None:
    broken = {"status": "Failure", "code": 500, "reason": "InternalError", "message": "cannot exec in a stopped state"}
    server.will(lambda x: close(ran(x, status=broken)))
    with pytest.raises(TransientError, match="cluster2: server error: cannot exec in a stopped state"):
        run(client)


def test_a_connection_that_breaks(client: Client, server: Server) -> None:
    server.will(lambda x: ran(x, (1, b"half"), status=None).cut())
    with pytest.raises(TransientError, match="exec in pod/sleep-1: the connection broke before the command ended"):
        run(client)


def test_a_command_that_does_not_end(client: Client, server: Server) -> None:
    server.will(lambda x: ran(x, (1, b"half"), status=None).gone())
    with pytest.raises(TransientError, match=r"exec in pod/sleep-1: no end within 0\.2 s"):
        run(client, timeout=0.2)


def test_a_server_that_does_not_answer(client: Client, server: Server) -> None:
    server.will(Exchange.gone)
    with pytest.raises(TransientError, match="cluster2: no answer in time"):
        run(client, timeout=0.2)


def test_refusals(client: Client, server: Server, requests: list[Request]) -> None:
    missing = {"details": {"name": "sleep-1", "kind": "pods"}}
    server.will(
        lambda x: x.status(403, "Forbidden", 'pods "sleep-1" is forbidden'),
        lambda x: x.status(404, "NotFound", 'pods "sleep-1" not found', **missing),
        lambda x: x.reply(302, b"", Location="https://elsewhere.invalid/"),
    )
    with pytest.raises(ForbiddenError, match='cluster2: forbidden: pods "sleep-1" is forbidden'):
        run(client)
    with pytest.raises(NotFoundError, match='cluster2: not found: pods "sleep-1" not found'):
        run(client)
    with pytest.raises(ClusterError, match="cluster2: "):
        run(client)
    assert [request.status for request in requests][:2] == [403, 404]
    assert len(server.seen) == 3


def test_nobody_listens(dial: Dial) -> None:
    with pytest.raises(TransientError, match="cluster2: connection refused"):
        run(dial("https://127.0.0.1:1"))


def test_commands_do_not_disturb_other_requests(client: Client, server: Server) -> None:
    both = threading.Barrier(2)

    def slow(exchange: Exchange) -> None:
        exchange.upgrade("v4.channel.k8s.io")
        both.wait(5)
        exchange.frame(b"\x01ok")
        exchange.frame(b"\x03" + json.dumps(SUCCESS).encode())
        close(exchange)

    results: list[ExecResult] = []
    server.will(slow)
    thread = threading.Thread(target=lambda: results.append(run(client)))
    thread.start()
    while not server.seen:
        pass
    server.will(lambda x: x.json({"gitVersion": "v1"}))
    assert client.version() == "v1"
    both.wait(5)
    thread.join(5)
    assert results == [ExecResult("ok", "", 0)]
