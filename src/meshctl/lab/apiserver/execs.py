"""Commands in containers over WebSocket, as kubectl and the Python client speak it, and container logs."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import WSMsgType, web

from meshctl.lab.api import ApiError
from meshctl.lab.apiserver.answers import raw
from meshctl.lab.apiserver.asking import Asking
from meshctl.lab.apiserver.plane import Plane
from meshctl.lab.apiserver.status import bad_request
from meshctl.lab.apiserver.store import encode
from meshctl.objects import Manifest

Output = tuple[bytes, bytes, int]
_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDIN, _STDOUT, _STDERR, _ERROR, _CLOSE = 0, 1, 2, 3, 255
_CHUNK = 32 * 1024
_IDLE = 0.2
"""Version 4 of the protocol cannot say that standard input has ended: silence of that many seconds must do."""


def container_of(pod: Manifest, wanted: str) -> str:
    """Return the container that is meant; raise 400 when the pod has none of that name."""
    spec, name = pod["spec"], pod["metadata"]["name"]
    names = [part["name"] for group in ("containers", "initContainers") for part in spec.get(group) or ()]
    if not wanted:
        annotations = pod["metadata"].get("annotations") or {}
        default = annotations.get("kubectl.kubernetes.io/default-container")
        return str(default if default in names else names[0])
    if wanted not in names:
        raise bad_request(f"container {wanted} is not valid for pod {name}")
    return wanted


async def exec_in(plane: Plane, asking: Asking) -> web.StreamResponse:
    """Run the command and stream what it says."""
    pod = plane.objects.get(asking.target).obj
    container = container_of(pod, asking.query.get("container", ""))
    if not pod["spec"].get("nodeName"):
        raise bad_request(f"pod {asking.target.name} does not have a host assigned")
    argv = asking.request.query.getall("command", [])
    if asking.request.headers.get("Upgrade", "").lower() != "websocket":
        raise bad_request("Upgrade request required")
    if not argv:
        raise bad_request("you must specify at least one command for the container")
    place = asking.target.namespace, asking.target.name, container

    async def run(stdin: bytes) -> Output:
        return await plane.hooks.exec(*place, argv, stdin)

    return await run_over_websocket(asking.request, run, stdin=asking.flag("stdin"))


async def run_over_websocket(
    request: web.BaseRequest, run: Callable[[bytes], Awaitable[Output]], *, stdin: bool
) -> web.WebSocketResponse:
    """Run a command and send what it says over a WebSocket; raise ApiError before there is one."""
    socket = web.WebSocketResponse(protocols=_PROTOCOLS, timeout=1.0)
    if stdin:
        await socket.prepare(request)
        try:
            result = await run(await _stdin(socket))
        except ApiError as error:
            result = b"", error.message.encode(), 1
    else:
        result = await run(b"")
        await socket.prepare(request)
    try:
        await _send(socket, *result)
        await socket.close()
    except ConnectionError:
        pass
    if request.transport is not None:
        # Both sides have said goodbye; clients do not wait for the end of TLS, so neither does this side.
        request.transport.abort()
    return socket


async def _stdin(socket: web.WebSocketResponse) -> bytes:
    versioned = socket.ws_protocol == _PROTOCOLS[0]
    data = b""
    while True:
        try:
            message = await socket.receive(None if versioned else _IDLE)
        except (TimeoutError, asyncio.CancelledError):
            return data
        if message.type is not WSMsgType.BINARY:
            if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                return data
            continue
        if message.data[:1] == bytes([_STDIN]):
            data += message.data[1:]
        elif message.data[:2] == bytes([_CLOSE, _STDIN]):
            return data


async def _send(socket: web.WebSocketResponse, stdout: bytes, stderr: bytes, code: int) -> None:
    for channel, data in ((_STDOUT, stdout), (_STDERR, stderr)):
        for start in range(0, len(data), _CHUNK):
            await socket.send_bytes(bytes([channel]) + data[start : start + _CHUNK])
    await socket.send_bytes(bytes([_ERROR]) + encode(_outcome(code)))


def _outcome(code: int) -> Manifest:
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def tail(text: bytes, lines: str) -> bytes:
    """Return the last lines, all of them unless a number is given."""
    if not lines.isdecimal():
        return text
    return b"".join(text.splitlines(keepends=True)[-int(lines) :] if int(lines) else [])


async def logs_of(plane: Plane, asking: Asking) -> web.StreamResponse:
    """Answer with what a container has written."""
    pod = plane.objects.get(asking.target).obj
    wanted = asking.query.get("container", "")
    names = [part["name"] for part in pod["spec"].get("containers") or ()]
    if not wanted and len(names) > 1:
        choice = " ".join(names)
        raise bad_request(f"a container name must be specified for pod {asking.target.name}, choose one of: [{choice}]")
    container = container_of(pod, wanted)
    if not pod["spec"].get("nodeName"):
        return raw(b"", 204, media="text/plain")
    text = await plane.hooks.logs(asking.target.namespace, asking.target.name, container)
    text = tail(text, asking.query.get("tailLines", ""))
    limit = asking.query.get("limitBytes", "")
    return raw(text[: int(limit)] if limit.isdecimal() else text, media="text/plain")
