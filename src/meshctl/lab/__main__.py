"""The process behind `meshctl lab up`: runs the lab until it is told to stop."""

import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path

from meshctl.lab import kubeconfig
from meshctl.lab.control import Control, listen
from meshctl.lab.options import LabOptions, options_from
from meshctl.lab.record import Folder, Record
from meshctl.lab.world import Lab, running_lab

log = logging.getLogger(__name__)


async def serve(folder: Folder, target: Path, ready: int, options: LabOptions) -> None:
    """Run the lab; write record and kubeconfig, and say that it is ready, once everything answers."""
    async with running_lab(options) as lab:
        record = _record(lab, folder, target)
        control = Control(lab)
        server = await listen(control, record.socket)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, control.stopping.set)
        kubeconfig.write(target, lab.entries)
        folder.write(record)
        os.write(ready, b"ready\n")
        os.close(ready)
        await control.stopping.wait()
        log.info("stopping")
        server.close()
    kubeconfig.remove(target)
    record.remove_socket()
    folder.record.unlink(missing_ok=True)


def _record(lab: Lab, folder: Folder, target: Path) -> Record:
    ports = {entry.context: lab.clusters[entry.context].port for entry in lab.entries}
    return Record(os.getpid(), folder.socket(), target, folder.log, ports, lab.options)


def main() -> int:
    """Read the arguments that `background.up` gives; return the exit code."""
    where, target, ready, options = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    folder = Folder(Path(where))
    lock = folder.lock()
    if lock is None:
        log.error("there is a lab in %s already", folder.path)
        return 1
    try:
        asyncio.run(serve(folder, Path(target), int(ready), options_from(json.loads(options))))
    except BaseExceptionGroup:
        log.exception("the lab has crashed")
        return 1
    finally:
        os.close(lock)
    return 0


if __name__ == "__main__":
    sys.exit(main())
