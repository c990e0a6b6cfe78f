"""What programs in pods answer when `kubectl exec` runs them: curl through the mesh, istiod's and Envoy's tools."""

import asyncio
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from meshctl.lab import curl
from meshctl.lab.api import ApiError
from meshctl.lab.controllers.shapes import container_of, env_of, labels_of, name_of, namespace_of, pod_ready, uid_of
from meshctl.lab.debug_endpoints import cluster_lines, clusterz, networkz, syncz
from meshctl.lab.endpoints import Endpoint, Fate, Mesh, endpoints, mesh_of
from meshctl.lab.istiods import Istiods
from meshctl.lab.network import (
    CLIENT,
    STATUS_PORT,
    End,
    Place,
    injected,
    is_address,
    knock,
    service_target,
    survey,
)
from meshctl.lab.sites import Site, World
from meshctl.names import POD
from meshctl.objects import Manifest, Ref, dig

CONNECT_TIMEOUT = 10.0
"""How long Envoy tries to connect to an endpoint that does not answer."""

TRIES = 3
API_PORT = 6443
HELLO = "helloworld"
HELLO_PORT = 5000
_VERSION = re.compile(r"helloworld-(v[\w.]+)")
_UPSTREAM = "upstream connect error or disconnect/reset before headers. "
_RESET = {
    Fate.REFUSED: "retried and the latest reset reason: remote connection failure, transport failure reason: "
    "delayed connect error: Connection refused",
    Fate.DROPPED: "retried and the latest reset reason: connection timeout",
    Fate.DISTRUSTED: "retried and the latest reset reason: remote connection failure, transport failure reason: "
    "TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:TLS_error_end",
}

Output = tuple[bytes, bytes, int]


@dataclass(frozen=True, slots=True)
class _Shell:
    """One container in which a command runs."""

    world: World
    istiods: Istiods
    site: Site
    pod: Manifest
    container: Manifest


async def exec_in_pod(
    world: World,
    site: Site,
    istiods: Istiods,
    namespace: str,
    pod: str,
    container: str,
    argv: Sequence[str],
    stdin: bytes = b"",
) -> Output:
    """Run a command in a container; return stdout, stderr and the exit code. Raises ApiError.

    No program here reads `stdin`.
    """
    del stdin
    found = await site.api(CLIENT).get(Ref(POD, pod, namespace))
    if found is None:
        raise ApiError(404, "NotFound", f'pods "{pod}" not found')
    name = container or str(dig(found, "spec", "containers", 0, "name") or "")
    inside = container_of(found, name)
    if inside is None:
        raise ApiError(400, "BadRequest", f"container {name} is not valid for pod {pod}")
    if not _runs(found, name):
        raise ApiError(500, "InternalError", f'unable to upgrade connection: container not found ("{name}")')
    return await _run(_Shell(world, istiods, site, found, inside), list(argv))


def _runs(pod: Manifest, container: str) -> bool:
    lists = (dig(pod, "status", which) or () for which in ("containerStatuses", "initContainerStatuses"))
    states = [state for one in lists for state in one if state.get("name") == container]
    return any(dig(state, "state", "running") is not None for state in states)


async def _run(shell: _Shell, argv: list[str]) -> Output:
    match argv:
        case ["curl", *rest] if "helloworld" not in str(shell.container.get("image")):
            return await _curl(shell, rest)
        case ["pilot-discovery", "request", "GET", path] if shell.container["name"] == "discovery":
            return await _debug(shell, path.lstrip("/"))
        case ["pilot-agent", "request", "GET", path] if shell.container["name"] == "istio-proxy":
            return await _envoy(shell, path.lstrip("/"))
        case _:
            return await _plain(shell, argv)


async def _plain(shell: _Shell, argv: list[str]) -> Output:
    match argv:
        case [("sh" | "/bin/sh"), "-c", command]:
            return await _run(shell, shlex.split(command))
        case ["true"]:
            return b"", b"", 0
        case ["false"]:
            return b"", b"", 1
        case ["echo", *words]:
            return f"{' '.join(words)}\n".encode(), b"", 0
        case ["cat", *files]:
            return b"", "".join(f"cat: {file}: No such file or directory\n" for file in files).encode(), bool(files)
        case _:
            program = argv[0] if argv else ""
            text = (
                "OCI runtime exec failed: exec failed: unable to start container process: "
                f'exec: "{program}": executable file not found in $PATH: unknown\n'
            )
            return b"", text.encode(), 127


# --- curl -------------------------------------------------------------------------------------------------------
async def _curl(shell: _Shell, argv: list[str]) -> Output:
    try:
        options = curl.parse(argv)
        urls = [curl.split(url) for url in options.urls]
    except curl.UsageError as error:
        return b"", f"{error.text}\n".encode(), error.code
    place = await survey(shell.site)
    mesh = await mesh_of(shell.world, shell.istiods, shell.site, shell.pod) if injected(shell.pod) else None
    transfers = [_transfer(shell, place, mesh, url, options) for url in urls]
    pending = await asyncio.gather(*transfers) if options.parallel else [await transfer for transfer in transfers]
    replies = list(pending)
    written = [curl.shown(options, url, reply) for url, reply in zip(urls, replies, strict=True)]
    out, err = ("".join(parts).encode() for parts in zip(*written, strict=True))
    return out, err, curl.exit_code(options, replies)


async def _transfer(shell: _Shell, place: Place, mesh: Mesh | None, url: curl.Url, options: curl.Options) -> curl.Reply:
    if is_address(url.host):
        return await _by_address(shell, mesh, url, options)
    name, namespace = service_name(url.host, namespace_of(shell.pod))
    service = place.service(namespace, name) if name else None
    if service is None:
        return curl.Reply(code=6, error=f"curl: (6) Could not resolve host: {url.host}")
    if service_target(service, url.port) is None:
        return _refused(url)
    if mesh is None:
        pods = place.ready_pods(service)
        chosen = pods[_turn(shell, f"{namespace}/{name}") % len(pods)] if pods else None
        return (answer(chosen, url.path) if chosen else None) or _refused(url)
    found = endpoints(mesh, shell.pod, shell.site.context, namespace, name, url.port)
    return await _through_envoy(shell, f"outbound|{url.port}||{name}.{namespace}", found, url, options)


def service_name(host: str, namespace: str) -> tuple[str, str]:
    """Return the name and namespace of the Service that a host name stands for, as the pod's resolver has it."""
    parts = host.rstrip(".").split(".")
    name, space, rest = parts[0], parts[1] if len(parts) > 1 else namespace, parts[2:]
    return (name, space) if rest in ([], ["svc"], ["svc", "cluster", "local"]) else ("", "")


def _turn(shell: _Shell, cluster: str) -> int:
    """Return whose turn it is: requests go round."""
    key = (uid_of(shell.pod), cluster, "")
    shell.istiods.requests[key] += 1
    return shell.istiods.requests[key] - 1


async def _through_envoy(
    shell: _Shell, cluster: str, found: list[Endpoint], url: curl.Url, options: curl.Options
) -> curl.Reply:
    """Send one request the way a sidecar does: round robin, and on to another endpoint when a connection fails."""
    if not found:
        return curl.Reply("no healthy upstream", 503)
    start, waited, last = _turn(shell, cluster), 0.0, Fate.REFUSED
    for attempt in range(min(TRIES, len(found))):
        endpoint = found[(start + attempt) % len(found)]
        reply = answer(endpoint.pod, url.path) if endpoint.fate is Fate.WORKS else None
        if reply is not None:
            shell.istiods.requests[uid_of(shell.pod), cluster, endpoint.address] += 1
            return reply
        last = endpoint.fate if endpoint.fate is not Fate.WORKS else Fate.REFUSED
        if endpoint.fate is Fate.DROPPED:
            allowed = options.max_time - waited if options.max_time else CONNECT_TIMEOUT
            await asyncio.sleep(shell.world.delays.of(min(CONNECT_TIMEOUT, allowed)))
            waited += CONNECT_TIMEOUT
            if options.max_time and waited >= options.max_time:
                return _timed_out(options.max_time)
    return curl.Reply(_UPSTREAM + _RESET[last], 503)


async def _by_address(shell: _Shell, mesh: Mesh | None, url: curl.Url, options: curl.Options) -> curl.Reply:
    """Dial a load balancer by its address: the gateway's health port speaks HTTP, and istiod behind it by TLS."""
    if any(url.host == site.node_address for site in shell.world.sites):
        return await _api_server(shell, url, options)
    dialed = await knock(shell.world, url.host, url.port, mesh.config.gateways if mesh else None)
    if dialed.end is End.DROPPED:
        limit = options.max_time or options.connect_timeout or CONNECT_TIMEOUT
        await asyncio.sleep(shell.world.delays.of(limit))
        return _timed_out(limit)
    if dialed.end not in (End.REACHED, End.CLOSED):
        return _refused(url)
    if url.tls and dialed.end is End.CLOSED:
        where = f"{url.host}:{url.port}"
        return curl.Reply(code=35, error=f"curl: (35) TLS connect error: unexpected eof while reading ({where})")
    if url.tls and url.port != STATUS_PORT:
        return curl.Reply("404 page not found\n", 404)
    if url.path == "/healthz/ready" and dialed.end is End.REACHED:
        return curl.Reply("", 200)
    return curl.Reply(code=52, error="curl: (52) Empty reply from server")


async def _api_server(shell: _Shell, url: curl.Url, options: curl.Options) -> curl.Reply:
    """Ask an API server as nobody in particular; its certificate is signed by its cluster's authority, as it should."""
    site = next(site for site in shell.world.sites if site.node_address == url.host)
    if url.port != API_PORT:
        return _refused(url)
    if any(shell.world.faults.on(fault, site.context) for fault in ("api-hidden", "api-down")):
        limit = options.connect_timeout or options.max_time or CONNECT_TIMEOUT
        await asyncio.sleep(shell.world.delays.of(limit))
        return _timed_out(limit)
    return curl.Reply("{}\n", 200) if url.tls and url.path == "/version" else curl.Reply("", 403 if url.tls else 400)


def _refused(url: curl.Url) -> curl.Reply:
    text = f"curl: (7) Failed to connect to {url.host} port {url.port} after 1 ms: Could not connect to server"
    return curl.Reply(code=7, error=text)


def _timed_out(seconds: float) -> curl.Reply:
    text = f"curl: (28) Operation timed out after {int(seconds * 1000)} milliseconds with 0 bytes received"
    return curl.Reply(code=28, error=text)


def answer(pod: Manifest, path: str) -> curl.Reply | None:
    """Return what the program in a pod says, None when nothing listens there."""
    app = next((c for c in dig(pod, "spec", "containers") or () if HELLO in str(c.get("image"))), None)
    if app is None:
        return None
    if path.partition("?")[0] != "/hello":
        return curl.Reply("<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n", 404)
    version = env_of(app).get("SERVICE_VERSION") or image_version(str(app["image"])) or labels_of(pod).get("version")
    return curl.Reply(f"Hello version: {version}, instance: {name_of(pod)}\n", 200)


def image_version(image: str) -> str:
    """Return the version that was built into a helloworld image."""
    found = _VERSION.search(image)
    return found[1] if found else ""


# --- debug tools ------------------------------------------------------------------------------------------------
async def _debug(shell: _Shell, path: str) -> Output:
    istiod = shell.istiods.in_pod(shell.site.context, name_of(shell.pod))
    if istiod is not None and path.partition("?")[0] == "debug/clusterz":
        # Memory alone answers this; surveying every cluster for it would make 30 remotes ask 30 times 30 clusters.
        return clusterz(istiod).encode(), b"", 0
    mesh = await mesh_of(shell.world, shell.istiods, shell.site, shell.pod)
    if istiod is None or mesh is None:
        text = "Error: failed executing command: dial tcp 127.0.0.1:15014: connect: connection refused\n"
        return b"", text.encode(), 255
    version = str(shell.container.get("image")).rpartition(":")[2]
    match path.partition("?")[0]:
        case "debug/networkz":
            return networkz(mesh).encode(), b"", 0
        case "debug/syncz":
            return syncz(mesh, version).encode(), b"", 0
        case "ready":
            return b"", b"", 0 if pod_ready(shell.pod) else 1
        case _:
            return b"404 page not found\n", b"", 0


async def _envoy(shell: _Shell, path: str) -> Output:
    mesh = await mesh_of(shell.world, shell.istiods, shell.site, shell.pod)
    if path != "clusters" or mesh is None:
        return b"", b"", 0
    text = ""
    services = {
        (namespace_of(service), name_of(service), int(port["port"]))
        for place in mesh.places.values()
        for service in place.services
        for port in dig(service, "spec", "ports") or ()
    }
    for namespace, name, port in sorted(services):
        cluster = f"outbound|{port}||{name}.{namespace}"
        found = endpoints(mesh, shell.pod, shell.site.context, namespace, name, port)
        counted = shell.istiods.requests
        sent = {e.address: counted[uid_of(shell.pod), cluster, e.address] for e in found}
        text += cluster_lines(f"{name}.{namespace}.svc.cluster.local", port, found, sent)
    return text.encode(), b"", 0
