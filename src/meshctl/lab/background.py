"""The lab as a process of its own: starting it, asking it, stopping it, and clearing up after one that has died."""

import http.client
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from meshctl.errors import MeshctlError
from meshctl.lab import kubeconfig
from meshctl.lab.control_client import UnansweredError, ask
from meshctl.lab.options import LabOptions, described
from meshctl.lab.record import Folder, Record, lab_folder
from meshctl.lab.status import LabStatus, status_from

START_SECONDS = 60.0
STOP_SECONDS = 15.0
LOOK_AGAIN = 0.02
READY_TIMEOUT = 10.0
LOG_TAIL = 12


@dataclass(frozen=True, slots=True)
class Up:
    """The answer to `up`: the lab, and whether it had been running before."""

    record: Record
    already: bool


def up(options: LabOptions, kubeconfig_file: Path | None = None) -> Up:
    """Start a lab in the background and return when its API servers answer."""
    options.check()
    if find_spec("aiohttp") is None:
        raise MeshctlError("the lab needs aiohttp, which is not installed", hint="pip install 'istio-meshctl[lab]'")
    folder = lab_folder()
    target = (kubeconfig_file or folder.kubeconfig).absolute()
    if folder.is_locked():
        return Up(_same(_running(folder), options, target), already=True)
    _clear_up(folder)
    kubeconfig.check_writable(target)
    folder.make()
    _start(folder, options, target)
    record = _running(folder)
    if not any(fault.name == "api-down" for fault in options.parsed_faults):
        for server, authority in kubeconfig.servers(record.kubeconfig):
            _require_ready(server, authority)
    return Up(record, already=False)


def down() -> bool:
    """Stop the lab and take away what it has written; False when there was none."""
    folder = lab_folder()
    if not folder.is_locked():
        _clear_up(folder)
        return False
    record = _running(folder)
    _ask(record, "stop")
    deadline = time.monotonic() + STOP_SECONDS
    while folder.is_locked():
        if time.monotonic() > deadline:
            raise MeshctlError(f"the lab (process {record.pid}) does not end", hint=f"see {record.log}")
        time.sleep(LOOK_AGAIN)
    _clear_up(folder)
    return True


def status() -> LabStatus:
    """Return the state of the running lab."""
    record = running()
    answer = _ask(record, "status")
    return status_from({**answer, "kubeconfig": str(record.kubeconfig), "log": str(record.log)})


def set_faults(texts: Sequence[str]) -> list[str]:
    """Put faults in force, besides those that are; return all that are now."""
    return list(_ask(running(), "faults", names=list(texts)))


def clear_faults(names: Sequence[str] = ()) -> list[str]:
    """End the named faults, or all; return those still in force."""
    return list(_ask(running(), "clear", names=list(names)))


def requests(since: int = 0) -> dict[str, Any]:
    """Return the latest requests to the lab's API servers as `entries`, and as `next` where to go on."""
    answer: dict[str, Any] = _ask(running(), "requests", since=since)
    return answer


def changes(since: int = 0) -> dict[str, Any]:
    """Return the latest changes of objects as `entries`, and as `next` where to go on."""
    answer: dict[str, Any] = _ask(running(), "changes", since=since)
    return answer


def running() -> Record:
    """Return the running lab; raise when there is none."""
    folder = lab_folder()
    if folder.is_locked():
        return _running(folder)
    if (record := folder.read()) is not None:
        raise MeshctlError(
            f"the lab has died; its log is {record.log}" + _tail(record.log), hint="meshctl lab up starts a new one"
        )
    raise MeshctlError("no lab is running", hint="meshctl lab up")


def _running(folder: Folder) -> Record:
    """Return the lab that holds the lock; it may be about to write its record."""
    deadline = time.monotonic() + READY_TIMEOUT
    while (record := folder.read()) is None or not _answers(record):
        if not folder.is_locked() or time.monotonic() > deadline:
            raise MeshctlError(f"there is a lab in {folder.path}, but it does not answer", hint=f"see {folder.log}")
        time.sleep(LOOK_AGAIN)
    return record


def _answers(record: Record) -> bool:
    try:
        return bool(ask(record.socket, "status")["pid"] == record.pid)
    except UnansweredError:
        return False


def _ask(record: Record, do: str, **more: Any) -> Any:
    try:
        return ask(record.socket, do, **more)
    except UnansweredError as error:
        raise MeshctlError(
            f"the lab (process {record.pid}) does not answer: {error}", hint=f"see {record.log}"
        ) from error


def _same(record: Record, options: LabOptions, target: Path) -> Record:
    if record.options != options:
        raise MeshctlError(
            f"a lab is running already, with other options: {described(record.options)}",
            hint="meshctl lab down ends it; meshctl lab fault changes its faults while it runs",
        )
    if record.kubeconfig != target:
        raise MeshctlError(
            f"a lab is running already; its kubeconfig is {record.kubeconfig}",
            hint=f"export KUBECONFIG={record.kubeconfig}, or meshctl lab down first",
        )
    return record


def _start(folder: Folder, options: LabOptions, target: Path) -> None:
    """Start the process and wait for its word that it is ready."""
    reading, writing = os.pipe()
    plain = json.dumps(options.plain())
    command = [sys.executable, "-m", "meshctl.lab", str(folder.path), str(target), str(writing), plain]
    with os.fdopen(os.open(folder.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(writing,), start_new_session=True
        )
    os.close(writing)
    if not _said_ready(reading):
        process.terminate()
        process.wait()
        raise MeshctlError(f"the lab could not be started; its log is {folder.log}" + _tail(folder.log))
    process.returncode = 0  # it goes on without us: nobody is to warn that it still runs


def _said_ready(reading: int) -> bool:
    """Wait for a line; the pipe's end comes when the process has died."""
    import select

    with os.fdopen(reading, "rb", buffering=0) as pipe:
        ready, _, _ = select.select([pipe], [], [], START_SECONDS)
        return bool(ready and pipe.read(1))


def _require_ready(server: str, authority: str) -> None:
    place = urlsplit(server)
    context = ssl.create_default_context(cadata=authority)
    connection = http.client.HTTPSConnection(place.hostname or "", place.port, context=context, timeout=READY_TIMEOUT)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise MeshctlError(f"{server} answers /readyz with {answer.status}")
    except OSError as error:
        raise MeshctlError(f"{server} does not answer: {error}") from error
    finally:
        connection.close()


def _clear_up(folder: Folder) -> None:
    """Remove what a lab that is no more has left; its log stays."""
    record = folder.read()
    if record is not None:
        record.remove_socket()
        kubeconfig.remove(record.kubeconfig)
    folder.record.unlink(missing_ok=True)


def _tail(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "".join(f"\n{line}" for line in lines[-LOG_TAIL:])
