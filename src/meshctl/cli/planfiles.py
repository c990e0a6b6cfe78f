"""Plan files on disk: writing one, reading one, and holding an install to it."""

import json
from pathlib import Path

from meshctl.changes.asking import Foresight
from meshctl.changes.model import Outlook
from meshctl.changes.planfile import PlanFile, document, moved, moved_request, plan_file, read, request_of
from meshctl.checks.survey import KUBE_SYSTEM, of_all
from meshctl.cli.files import write_whole
from meshctl.cli.session import Session
from meshctl.errors import MeshctlError, RefusedError, SpecError
from meshctl.manifests import render
from meshctl.objects import dig
from meshctl.plan import Plan

PRIVATE = 0o600
AGAIN = "look at it again: meshctl plan --out FILE; or install without --plan-file"


def write_plan(one: Session, outlook: Outlook, path: Path, *, force: bool) -> None:
    """Write a plan file that only its owner may read."""
    request = request_of(one.mesh, identities(one), force=force)
    write_whole(path, json.dumps(document(plan_file(request, outlook)), indent=1) + "\n", PRIVATE)


def read_plan(name: str) -> PlanFile:
    """Read a plan file; raise SpecError when it cannot be read, or is none."""
    try:
        text = Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise SpecError([f"--plan-file: {name}: {(error.strerror or str(error)).lower()}"]) from error
    except UnicodeDecodeError as error:
        raise SpecError([f"{name}: not a plan file"]) from error
    try:
        return read(json.loads(text), name)
    except json.JSONDecodeError as error:
        raise SpecError([f"{name}: not a plan file"], hint="meshctl plan --out FILE writes one") from error


def refuse_another_request(one: Session, file: PlanFile, *, force: bool) -> None:
    """Refuse when something else is asked for than the file was made for."""
    _refuse(list(moved_request(file, request_of(one.mesh, identities(one), force=force))))


def refuse_moved(one: Session, plan: Plan, file: PlanFile, *, force: bool) -> None:
    """Refuse when an install would do anything that the file does not say. To be asked under the lock."""
    # What nobody knew when the plan was made was agreed to as it stands, whatever it has become.
    outlook = Foresight(one.patient(), render, force=force, unasked=file.unknown).of(plan)
    _refuse(list(moved(file, outlook)))


def _refuse(found: list[str]) -> None:
    if found:
        raise RefusedError(
            "nothing was changed, because the plan does not hold any more\n" + "\n".join(found), hint=AGAIN
        )


def identities(one: Session) -> dict[str, str]:
    """Return the UID of every cluster's kube-system, empty where it may not be seen."""
    found = of_all(one.patient(), lambda client: str(dig(client.get(KUBE_SYSTEM), "metadata", "uid") or ""))
    return {name: "" if isinstance(uid, MeshctlError) else uid for name, uid in found.items()}
