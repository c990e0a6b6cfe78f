"""One run at a time on each cluster: a Lease that is renewed while the run lives.

A run that was killed leaves its Lease behind. On the same machine that is found out at once, because a live run holds a
lock on a file of its own, which dies with it. On another machine the Lease is watched for longer than its holder's
renewal takes; clocks are compared with nothing but themselves.
"""

import fcntl
import getpass
import hashlib
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from meshctl.cluster import Client
from meshctl.errors import ClusterError, ConflictError, LockedError, NotFoundError
from meshctl.names import LOCK
from meshctl.objects import Manifest, dig
from meshctl.plan import Clients

DURATION = 30
RENEWAL = 10.0
SIGN_OF_LIFE = 12.0  # a live holder renews at least once in this time
GIVING_BACK = 3.0  # how long the end of a run waits for clusters that do not answer any more


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock: `user@host/origin/run`, and what it does."""

    identity: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Ways:
    """How locking speaks and waits. `on_lost` is called, from another thread, when a lock is taken over."""

    on_lost: Callable[[str], None]
    warn: Callable[[str], None]
    pause: Callable[[float], None]


@contextmanager
def locked(
    clients: Clients,
    purpose: str,
    folder: Path,
    ways: Ways,
    *,
    force: bool,
    patient: Clients | None = None,
) -> Iterator[None]:
    """Hold the lock of every cluster, or of none; raise LockedError naming every holder.

    `folder` is where marks of live runs lie. `patient` are clients that ask again after answers that may pass: they
    acquire the locks, which are given back without waiting.
    """
    with _mark_of_life(folder) as run:
        holder = Holder(f"{getpass.getuser()}@{socket.gethostname()}/{_origin(folder)}/{run}", purpose)
        held: dict[str, Manifest] = {}
        try:
            _acquire_all(patient or clients, holder, folder, ways, held, force=force)
            over = threading.Event()
            renewal = threading.Thread(
                target=_renew, args=(clients, held, over, ways.on_lost), daemon=True, name="lock renewal"
            )
            renewal.start()
            try:
                yield
            finally:
                over.set()
        finally:
            _release_all({name: clients[name] for name in held}, holder)


@contextmanager
def _mark_of_life(folder: Path) -> Iterator[str]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    run = uuid.uuid4().hex[:12]
    path = folder / f"{run}.lock"
    with path.open("w") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        try:
            yield run
        finally:
            path.unlink(missing_ok=True)


def _origin(folder: Path) -> str:
    """Return a name for the folder of marks itself: only runs that share it can judge each other's life by it."""
    return hashlib.sha256(f"{socket.gethostname()}:{folder.resolve()}:{folder.stat().st_ino}".encode()).hexdigest()[:8]


def _acquire_all(
    clients: Clients, holder: Holder, folder: Path, ways: Ways, held: dict[str, Manifest], *, force: bool
) -> None:
    problems = []
    for name, client in clients.items():
        lease = client.get(LOCK)
        if lease is not None and not force and not _left_behind(clients, name, lease, folder, ways):
            problems.append(f"{name}: {describe(lease)}")
    if problems:
        raise LockedError(
            "another run is in progress:\n" + "\n".join(problems),
            hint="wait for it to end; if you are sure that it is dead: --force-unlock",
        )
    for name, client in clients.items():
        lease = client.get(LOCK)
        try:
            held[name] = client.create(_lease(holder)) if lease is None else client.replace(_lease(holder, lease))
        except ConflictError as error:
            # After a broken connection, the one that was quicker may be this run itself.
            now = client.get(LOCK)
            if now is None or _holder_of(now) != holder.identity:
                msg = f"{name}: another run took the lock just now"
                raise LockedError(msg, hint="wait for it to end") from error
            held[name] = now


def _left_behind(clients: Clients, name: str, lease: Manifest, folder: Path, ways: Ways) -> bool:
    identity = _holder_of(lease)
    if not identity:
        return True
    owner, _, run = identity.rpartition("/")
    if owner.rpartition("/")[2] == _origin(folder):
        return not _alive(folder / f"{run}.lock")
    if time.time() < _renewed_at(lease) + DURATION:
        return False
    ways.warn(f"{name}: the lock of {identity} looks left behind; watching it for a sign of life")
    ways.pause(SIGN_OF_LIFE)
    again = clients[name].get(LOCK)
    return again is None or dig(again, "metadata", "resourceVersion") == dig(lease, "metadata", "resourceVersion")


def _alive(mark: Path) -> bool:
    try:
        file: IO[str] = mark.open("r+")
    except FileNotFoundError:
        return False
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    mark.unlink(missing_ok=True)
    return False


def describe(lease: Manifest) -> str:
    """Say who holds a lock and since when."""
    spec = lease.get("spec") or {}
    annotations = dig(lease, "metadata", "annotations") or {}
    purpose = annotations.get("meshctl.io/purpose", "a run")
    age = max(0, round(time.time() - _renewed_at(lease)))
    return f"{purpose} by {spec.get('holderIdentity', 'somebody')}, renewed {age} s ago"


def _renewed_at(lease: Manifest) -> float:
    text = str(dig(lease, "spec", "renewTime") or "")
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def _lease(holder: Holder, existing: Manifest | None = None) -> Manifest:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    version = dig(existing, "metadata", "resourceVersion")
    return {
        "apiVersion": LOCK.kind.api_version,
        "kind": LOCK.kind.name,
        "metadata": {
            "name": LOCK.name,
            "namespace": LOCK.namespace,
            "annotations": {"meshctl.io/purpose": holder.purpose},
            **({"resourceVersion": version} if version else {}),
        },
        "spec": {
            "holderIdentity": holder.identity,
            "leaseDurationSeconds": DURATION,
            "acquireTime": now,
            "renewTime": now,
        },
    }


def _renew(clients: Clients, held: dict[str, Manifest], over: threading.Event, on_lost: Callable[[str], None]) -> None:
    while not over.wait(RENEWAL):
        for name in list(held):
            try:
                renewed = _renewed(clients[name], held[name])
            except ClusterError:
                continue  # not reachable just now; the next renewal may be
            if renewed is not None:
                held[name] = renewed
            elif not over.is_set():
                held.pop(name)
                on_lost(f"{name}: another run took this one's lock over")


def _renewed(client: Client, lease: Manifest) -> Manifest | None:
    """Renew a lease and return it as it is now; None when it is somebody else's, or nobody's."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    try:
        return client.replace({**lease, "spec": {**lease["spec"], "renewTime": now}})
    except (ConflictError, NotFoundError):
        # The answer to the last renewal may have been lost: then what stands there is this run's own.
        standing = client.get(LOCK)
        return standing if _holder_of(standing) == _holder_of(lease) else None


def _holder_of(lease: Manifest | None) -> str:
    return str(dig(lease, "spec", "holderIdentity") or "")


def _release_all(clients: Clients, holder: Holder) -> None:
    threads = [
        threading.Thread(target=_release, args=(client, holder), name=f"lock release {name}", daemon=True)
        for name, client in clients.items()
    ]
    for thread in threads:
        thread.start()
    give_up = time.monotonic() + GIVING_BACK
    for thread in threads:
        thread.join(max(0.0, give_up - time.monotonic()))


def _release(client: Client, holder: Holder) -> None:
    try:
        lease = client.get(LOCK)
        # Whoever took the lock over has it, even if this run has not noticed yet.
        if _holder_of(lease) == holder.identity:
            client.delete(LOCK, uid=str(dig(lease, "metadata", "uid") or ""))
    except ClusterError:
        return  # it expires by itself, and on this machine it is known to be dead
