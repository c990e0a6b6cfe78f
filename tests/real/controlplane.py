"""One real Kubernetes control plane: etcd, kube-apiserver and kube-controller-manager, without nodes.

What meshctl does against an API server (discovery, server-side apply, RBAC, ServiceAccount token Secrets,
namespace deletion, watches) is answered here by the very code a cluster runs. There is no scheduler and no
kubelet: Pods are created and stay Pending.
"""

from __future__ import annotations

import http.client
import ipaddress
import signal
import socket
import ssl
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import build, kubeconfig
from .certificates import CertificateAuthority, service_account_key
from .etcd import Etcd
from .processes import ReservedPort, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType
    from typing import Self

LOOPBACK: Final = "127.0.0.1"
SYSTEM_MASTERS: Final = "system:masters"
START_SECONDS: Final = 120.0
POLL_SECONDS: Final = 0.1
REQUEST_SECONDS: Final = 5.0
SHUTDOWN_SECONDS: Final = 20.0
DEFAULT_SERVICE_CIDR: Final = "10.96.0.0/16"
ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
API_SERVER_NAMES: Final = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)

# What a mesh installation leans on. Left out is what needs nodes, volumes, metrics or a cloud: it would only
# fill memory and logs here.
CONTROLLERS: Final = (
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "daemonset-controller",
    "deployment-controller",
    "disruption-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "endpointslice-mirroring-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "replicaset-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "statefulset-controller",
    "ttl-after-finished-controller",
    "validatingadmissionpolicy-status-controller",
)


AUDIT_POLICY: Final = b"""
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules: [{level: Metadata}]
"""
"""Who asked what, and nothing of what was said."""


class ControlPlaneError(Exception):
    """A control plane did not come up."""


class ControlPlane:
    """A control plane in a temporary folder; leaving the `with` block ends it and deletes the folder."""

    def __init__(self, name: str, *, service_cidr: str = DEFAULT_SERVICE_CIDR) -> None:
        """Prepare one called `name`, which is also the name of its kubeconfig context."""
        self.name = name
        self._service_cidr = service_cidr
        self._binaries = build.ensure()
        self._cleanup = ExitStack()
        try:
            self._prepare()
        except BaseException:
            self._cleanup.close()
            raise

    def __enter__(self) -> Self:
        try:
            start_together([self])
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def server(self) -> str:
        """The address of the API server."""
        return f"https://{LOOPBACK}:{self._port.number}"

    def context(self, user: str = "admin", groups: Sequence[str] = (SYSTEM_MASTERS,)) -> kubeconfig.Context:
        """Make a kubeconfig context for a user; without groups it may do only what RBAC grants that name."""
        client = self._authority.client(user, groups)
        return kubeconfig.Context(self.name, self.server, self._authority.certificate, client)

    def pause(self) -> None:
        """Freeze the API server: connections are accepted by the kernel, and nothing answers."""
        self._apiserver.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused API server go on where it was."""
        self._apiserver.send(signal.SIGCONT)

    def restart(self) -> None:
        """Replace the API server by a new process on the same port and data, and wait until it is ready."""
        self._apiserver.terminate(SHUTDOWN_SECONDS)
        self.launch_apiserver()
        self.await_apiserver()

    def crash(self) -> None:
        """Kill the API server at once; `recover` brings it back."""
        self._apiserver.kill()

    def recover(self) -> None:
        """See to it that the API server is up, on the same port and data, whatever it was done to it."""
        if self._apiserver.running:
            self.resume()
        else:
            self.launch_apiserver()
        self.await_apiserver()

    def renew_controllers(self) -> None:
        """Replace the controller manager, if the API server was replaced since it started.

        A watch of client-go that finds nobody waits longer each time before it tries again, up to half a minute.
        """
        if self._controlled is not self._apiserver:
            self._controllers.kill()
            self.launch_controller_manager()

    @property
    def etcd(self) -> Etcd:
        """What the API server stores its objects in."""
        return Etcd(self._etcd_socket)

    def stop(self) -> None:
        """End all processes and delete the folder; doing it twice is fine."""
        self._cleanup.close()

    def launch_etcd(self) -> None:
        """Start etcd on a Unix socket: it asks nobody for a password, so no port of it is to be had."""
        command = (
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls=unix://{self._etcd_socket}",
            "--advertise-client-urls=http://localhost:2379",  # it wants a port here; nobody reads it
            f"--listen-peer-urls=unix://{self.folder / 'peer.sock'}",
            "--max-txn-ops=100000",  # all that a test has made goes in one transaction
            "--max-request-bytes=67108864",
            "--unsafe-no-fsync",  # the data is thrown away, and the disk may be slow or shared
            "--log-level=warn",
        )
        # Its supervisor deletes the folder (64 MiB of write-ahead log, private keys) also when we get killed.
        binary = str(self._binaries.etcd)
        self._etcd = Server("etcd", [binary, *command], self._log("etcd"), scratch=self.folder)
        self._cleanup.callback(self._etcd.kill)

    def await_etcd(self) -> None:
        """Wait until etcd accepts connections; the API server would give up on it after 20 s."""
        self._wait_until("accept connections", self._etcd, self._etcd_accepts)

    def launch_apiserver(self) -> None:
        """Start the API server, with RBAC and the admission plugins a release enables by default."""
        command = (
            f"--etcd-servers=unix://{self._etcd_socket}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={self._port.number}",
            "--permit-port-sharing=true",
            # Watches of Leases are answered by etcd: a watch cache knows the last 75 s, and its size cannot be set any
            # more, so no test would ever see 410.
            "--watch-cache-sizes=leases.coordination.k8s.io#0",
            f"--advertise-address={LOOPBACK}",
            "--endpoint-reconciler-type=none",  # Endpoints must not hold a loopback address
            f"--tls-cert-file={self.folder / 'apiserver.crt'}",
            f"--tls-private-key-file={self.folder / 'apiserver.key'}",
            f"--client-ca-file={self.folder / 'ca.crt'}",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={self.folder / 'service-account.pub'}",
            f"--service-account-signing-key-file={self.folder / 'service-account.key'}",
            f"--service-cluster-ip-range={self._service_cidr}",
            "--shutdown-watch-termination-grace-period=1s",  # else open watches hold up SIGTERM for a minute
            "--authorization-mode=RBAC",
            f"--audit-policy-file={self.folder / 'audit.yaml'}",
            f"--audit-log-path={self.audit_log}",
            "--allow-privileged=true",  # as on every ordinary cluster: CNI agents need it
            # A kubelet that only speaks WebSocket gets what kubectl speaks, not its translation to SPDY.
            "--feature-gates=TranslateStreamCloseWebsocketRequests=false",
        )
        binary = str(self._binaries.kube_apiserver)
        self._apiserver = Server("kube-apiserver", [binary, *command], self._log("kube-apiserver"))
        self._cleanup.callback(self._apiserver.kill)

    def await_apiserver(self) -> None:
        """Wait until the API server calls itself ready."""
        self._wait_until("become ready", self._apiserver, lambda: self._answers("/readyz"))

    def launch_controller_manager(self) -> None:
        """Start the controllers, each under its own ServiceAccount, as the bootstrap RBAC rules expect."""
        context = self.context("system:kube-controller-manager", ())
        config = self._write("controller-manager.kubeconfig", kubeconfig.render([context]).encode())
        command = (
            f"--kubeconfig={config}",
            f"--controllers={','.join(CONTROLLERS)}",
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={self.folder / 'service-account.key'}",
            f"--root-ca-file={self.folder / 'ca.crt'}",
            "--leader-elect=false",  # there is only one, and a paused API server must not make it give up
            "--secure-port=0",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        )
        name = "kube-controller-manager"
        self._controllers = Server(name, [str(self._binaries.kube_controller_manager), *command], self._log(name))
        self._cleanup.callback(self._controllers.kill)
        self._controlled = self._apiserver

    def await_controller_manager(self) -> None:
        """Wait for the first thing it does that everybody needs: without it no Pod is admitted."""
        path = "/api/v1/namespaces/default/serviceaccounts/default"
        self._wait_until("make the default ServiceAccount", self._controllers, lambda: self._answers(path))

    def _prepare(self) -> None:
        self.folder = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="meshctl-")))
        self._etcd_socket = self.folder / "etcd.sock"
        self._port = ReservedPort()
        self._cleanup.callback(self._port.close)
        self._authority = CertificateAuthority(f"{self.name}-ca")
        self._write_credentials()
        self._write("audit.yaml", AUDIT_POLICY)
        self._tls = ssl.create_default_context(cadata=self._authority.certificate.decode("ascii"))
        self._tls.load_cert_chain(self.folder / "admin.crt", self.folder / "admin.key")

    def _write_credentials(self) -> None:
        service = next(ipaddress.ip_network(self._service_cidr).hosts())
        serving = self._authority.serving("kube-apiserver", API_SERVER_NAMES, (LOOPBACK, str(service)))
        admin = self._authority.client("admin", (SYSTEM_MASTERS,))
        tokens = service_account_key()
        self._write("ca.crt", self._authority.certificate)
        self._write("apiserver.crt", serving.certificate)
        self._write("apiserver.key", serving.key)
        self._write("admin.crt", admin.certificate)
        self._write("admin.key", admin.key)
        self._write("service-account.pub", tokens.certificate)
        self._write("service-account.key", tokens.key)

    def _write(self, name: str, content: bytes) -> Path:
        return kubeconfig.write_private(self.folder / name, content)

    @property
    def audit_log(self) -> Path:
        """Where the API server writes down every request it has answered: one JSON object to a line."""
        return self.folder / "audit.log"

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _etcd_accepts(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            return probe.connect_ex(str(self._etcd_socket)) == 0

    def _answers(self, path: str) -> bool:
        connection = http.client.HTTPSConnection(
            LOOPBACK, self._port.number, timeout=REQUEST_SECONDS, context=self._tls
        )
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _wait_until(self, goal: str, server: Server, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not reached():
            late = time.monotonic() > deadline
            if late or not server.running:
                how = f"did not {goal} within {START_SECONDS:.0f} s" if late else "ended by itself"
                message = f"{self.name}: {server.name} {how}; its last words:\n{server.log_tail()}"
                raise ControlPlaneError(message)
            time.sleep(POLL_SECONDS)


PHASES: Final = (
    (ControlPlane.launch_etcd, ControlPlane.await_etcd),
    (ControlPlane.launch_apiserver, ControlPlane.await_apiserver),
    (ControlPlane.launch_controller_manager, ControlPlane.await_controller_manager),
)


def start_together(planes: Sequence[ControlPlane]) -> None:
    """Start every plane at the same time: each server of a kind is launched before the first is awaited.

    There are no threads in it, so Ctrl-C ends the wait at once.
    """
    for launch, wait in PHASES:
        for plane in planes:
            launch(plane)
        for plane in planes:
            wait(plane)


@contextmanager
def control_planes(*names: str) -> Iterator[tuple[ControlPlane, ...]]:
    """Run one control plane per name, all or none."""
    with ExitStack() as stack:
        planes: list[ControlPlane] = []
        for name in names:
            plane = ControlPlane(name)
            stack.callback(plane.stop)
            planes.append(plane)
        start_together(planes)
        yield tuple(planes)


def write_kubeconfig(path: Path, contexts: Sequence[kubeconfig.Context]) -> Path:
    """Write the contexts into one kubeconfig file only its owner can read."""
    return kubeconfig.write_private(path, kubeconfig.render(contexts).encode())
