"""What `bundle` does, and what runs do that leave one when they fail: collect, look over every text again, pack."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from meshctl.bundle.archive import OWNERS, packed
from meshctl.bundle.collecting import Collected, collect
from meshctl.bundle.index import Contents, document, index_json, index_page
from meshctl.bundle.known import known
from meshctl.bundle.question import Missing
from meshctl.bundle.questions import questions_of
from meshctl.bundle.settings import settings_of
from meshctl.bundle.yamls import dump
from meshctl.cli.files import file_at, write_whole
from meshctl.cli.journal import folder_of, last_of, opening_of
from meshctl.cli.looking import look
from meshctl.cli.reporting import document_of, page_of
from meshctl.cli.session import Session, Show, session
from meshctl.errors import Exit, MeshctlError
from meshctl.events import Event
from meshctl.patience import patient
from meshctl.plans.facts import Circumstances
from meshctl.plans.install import install
from meshctl.render.choose import Output
from meshctl.render.hiding import hide_all
from meshctl.render.journal import Journal, written
from meshctl.render.text import count, local_zone, one_line, several
from meshctl.spec import MeshSpec
from meshctl.waiting import Waiter

BUNDLE_SECONDS = 30.0
SUFFIXES = (".tar.gz", ".tgz")
ONE_REQUEST = 0.3  # the share of the time limit after which an answer that may pass is not asked for again
SHOWN = 5


@dataclass(frozen=True, slots=True)
class BundleOptions:
    """What the command line says besides which mesh. `out` is a file, empty for a name made of mesh and time."""

    out: str = ""
    seconds: float = BUNDLE_SECONDS


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was written."""

    path: Path
    size: int
    contents: Contents
    bugs: tuple[BaseException, ...]


class Silence:
    """A reader of events that shows none: what is tried again meanwhile is nobody's business."""

    def __call__(self, event: Event) -> None:
        """Show nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held back."""


def run_bundle(mesh: MeshSpec, wanted: BundleOptions, show: Show) -> int:
    """Write a bundle and print where it is; returns the exit code."""
    made = bundle(mesh, place_of(mesh, wanted.out), wanted.seconds, show)
    missing = made.contents.missing
    for one in missing[:SHOWN]:
        sys.stderr.write(f"missing: {one.path}: {one_line(one.reason)}\n")
    if len(missing) > SHOWN:
        sys.stderr.write(f"missing: and {count(len(missing) - SHOWN, 'file')} more; index.html lists all\n")
    if show.look().output is Output.JSON:
        said = {**document(made.contents), "file": str(made.path), "size": made.size}
        sys.stdout.write(json.dumps(said) + "\n")
    else:
        sys.stdout.write(f"{made.path}\n")
    if made.bugs:
        raise made.bugs[0]
    return int(Exit.DONE)


def place_of(mesh: MeshSpec, out: str, folder: str = ".") -> Path:
    """Return where the bundle goes; raise SpecError when it cannot be written there."""
    name = f"meshctl-bundle-{mesh.mesh_id}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.gz"
    return file_at("--out", out, SUFFIXES) if out else file_at("--bundle-dir", str(Path(folder) / name), SUFFIXES)


def bundle(mesh: MeshSpec, path: Path, seconds: float, show: Show) -> Bundle:
    """Collect, and write the archive."""
    began = time.time()
    with session(mesh, show) as one:
        one.sink.note(f"collecting from {several([c.name for c in mesh.clusters], 'cluster')}, at most {seconds:g} s")
        silent = Waiter(one.clients, one.stop, lambda _: None)
        clients = patient(one.clients, silent, ONE_REQUEST * seconds)
        quiet = replace(one, clients=clients, sink=Silence())
        beside = {"preflight.txt": lambda: preflight_of(quiet), "diagnosis.txt": lambda: diagnosis_of(quiet)}
        found = collect(clients, questions_of(mesh), seconds, one.stop, beside)
    contents = contents_of(mesh, began, found)
    top = path.name.removesuffix(".tar.gz").removesuffix(".tgz")
    archive = packed(top, contents.files, began)
    write_whole(path, archive, mode=OWNERS)
    return Bundle(path, len(archive), contents, tuple(found.bugs))


def contents_of(mesh: MeshSpec, began: float, found: Collected) -> Contents:
    """Return everything that goes into the archive, looked over once more for the secrets that were seen."""
    missing = list(found.missing)
    journal = last_of(mesh, folder_of())
    general: dict[str, str] = {}
    for path, tell in _general(mesh, journal).items():
        try:
            general[path] = tell()
        except MeshctlError as error:
            missing.append(Missing(path, error.message))
    names = {cluster.name for cluster in mesh.clusters}
    collected = sorted(found.files.items(), key=lambda file: (file[0].partition("/")[0] in names, file[0]))
    files = {**general, **dict(collected)}
    secrets = known(found.secrets)
    clean = {path: secrets.without(text) for path, text in files.items()}
    gaps = tuple(Missing(one.path, secrets.without(hide_all(one.reason))) for one in missing)
    opening = opening_of("bundle", mesh, began)
    bare = Contents(opening, time.time() - began, clean, gaps, _told(journal))
    first = {"index.html": index_page(bare, local_zone()), "index.json": index_json(bare)}
    return Contents(opening, bare.seconds, {**first, **clean}, gaps, bare.last_run)


def _general(mesh: MeshSpec, journal: Journal | None) -> dict[str, Callable[[], str]]:
    """Return what no cluster has to be asked for; what cannot be told is missing, like everything else."""
    told: dict[str, Callable[[], str]] = {
        "spec.yaml": lambda: dump(settings_of(mesh)),
        "plan.txt": lambda: plan_of(mesh),
    }
    if journal is None:
        return told
    return {
        **told,
        "run/timeline.html": lambda: page_of(journal),
        "run/timeline.json": lambda: document_of(journal),
        "run/events.jsonl": lambda: "".join(f"{line}\n" for line in written(journal)),
    }


def plan_of(mesh: MeshSpec) -> str:
    """Return what an install would do, as far as that is known without asking anybody."""
    from meshctl.cli.telling import objects_of
    from meshctl.render.plan_text import plan_text

    plan = install(mesh, Circumstances(resolve=lambda _: []))
    return hide_all(plan_text(plan, objects_of(mesh))) + "\n"


def preflight_of(one: Session) -> str:
    """Return what the checks before an install say now."""
    from meshctl.cli.preflighting import PreflightOptions, report_of
    from meshctl.render.preflight import report_text

    began = time.monotonic()
    seen = look(one)
    return hide_all(report_text(report_of(one, seen, PreflightOptions(), began)).plain) + "\n"


def diagnosis_of(one: Session) -> str:
    """Return the first broken link, and what follows from it."""
    from meshctl.cli.diagnosing import diagnosis
    from meshctl.render.diagnosis import diagnosis_text

    return hide_all(diagnosis_text(diagnosis(one)).plain) + "\n"


def _told(journal: Journal | None) -> tuple[str, ...]:
    from meshctl.render.timeline import timeline
    from meshctl.render.timeline_words import headline, sentences

    line = timeline(journal) if journal else None
    return (headline(line), *sentences(line)) if line else ()


def bundle_after(mesh: MeshSpec, path: Path) -> str:
    """Leave a bundle of a run that failed; returns the line to end with. Whatever goes wrong here masks nothing."""
    try:
        made = bundle(mesh, path, BUNDLE_SECONDS, Show(plain=True))
    except (MeshctlError, OSError) as error:
        return f"no support bundle: {one_line(str(error))}"
    except Exception as bug:
        # The run has failed for a reason of its own, which must not be lost for this one.
        return f"no support bundle: a bug in meshctl: {one_line(repr(bug))}"
    return f"support bundle: {made.path}"
