"""A plan in a file: what was asked for and what it would change, as digests, so that a later install can be held to it.

The file holds no value of any object. What has *moved* is whatever an install would do now that the file does not say:
less is fine (somebody, or an earlier try, has done a part of it), anything else is not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from meshctl.changes.fields import digest
from meshctl.changes.model import ObjectChange, Outcome, Outlook
from meshctl.errors import SpecError
from meshctl.spec import Cluster, MeshSpec

VERSION = 1
TYPE = "plan-file"
ELSEWHERE = frozenset({"context", "kubeconfig"})
"""What of a cluster is this machine's own; which cluster it is, its identity says."""
IDLE = frozenset({"primary", "remotes", "kubeconfig", "timeouts", "sample_namespace"})
"""What of a mesh is told apart, or changes nothing that an install writes."""

Place = tuple[str, str, str]
"""Cluster, object, manager."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: every part of the mesh as a digest, the clusters' identities, and whether to take over."""

    parts: Mapping[str, str]
    clusters: Mapping[str, str]
    force: bool


@dataclass(frozen=True, slots=True)
class Planned:
    """What was to become of one object: digests of the fields' changes by field, of the whole object by ``."""

    outcome: str
    uid: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PlanFile:
    """What was written down. `unknown` are the facts that nobody knew, by step and name."""

    request: Request
    objects: Mapping[Place, Planned] = field(default_factory=dict)
    repairs: frozenset[tuple[str, str]] = frozenset()
    unknown: frozenset[tuple[str, str]] = frozenset()


def request_of(mesh: MeshSpec, clusters: Mapping[str, str], *, force: bool) -> Request:
    """Return what is asked for; `clusters` holds the UID of every cluster's kube-system."""
    whole = {key: value for key, value in _plain(mesh).items() if key not in IDLE}
    own = {f"cluster {one.name}": digest(_own(one)) for one in mesh.clusters}
    return Request({**{key: digest(value) for key, value in whole.items()}, **own}, clusters, force)


def plan_file(request: Request, outlook: Outlook) -> PlanFile:
    """Return what there is to write down."""
    objects = {
        _place(one): Planned(one.outcome.value, one.uid, _digests(one))
        for one in outlook.changes
        if one.outcome is not Outcome.UNCHANGED
    }
    return PlanFile(request, objects, frozenset((one.cluster, one.text) for one in outlook.repairs), outlook.unknown)


def moved_request(file: PlanFile, now: Request) -> Iterator[str]:
    """Yield what of the request is not as it was."""
    for name in sorted({*file.request.parts, *now.parts}):
        if file.request.parts.get(name) != now.parts.get(name):
            yield f"{name.replace('_', ' ')}: not what the plan was made for"
    for name, uid in now.clusters.items():
        if name in file.request.clusters and file.request.clusters[name] != uid:
            yield f"{name}: another cluster than the plan was made for"
    if file.request.force != now.force:
        yield f"the plan was made {'with' if file.request.force else 'without'} --force-conflicts"


def moved(file: PlanFile, outlook: Outlook) -> Iterator[str]:
    """Yield what an install would do now that the plan does not say."""
    for change in outlook.changes:
        if change.outcome is not Outcome.UNCHANGED:
            yield from _moved_object(file.objects.get(_place(change)), change)
    for repair in outlook.repairs:
        if (repair.cluster, repair.text) not in file.repairs:
            yield f"{repair.cluster}: the plan did not say: {repair.text}"


def _moved_object(planned: Planned | None, now: ObjectChange) -> Iterator[str]:
    name = f"{now.cluster}: {now.ref}"
    if planned is None:
        fields = ", ".join(one.field for one in now.fields)
        yield f"{name}: was to stay as it is, now: {now.outcome}" + (f" ({fields})" if fields else "")
    elif planned.uid and planned.uid != now.uid:
        yield f"{name}: {'is another object of that name' if now.uid else 'is gone'}"
    elif planned.outcome == Outcome.CREATE and now.outcome is not Outcome.CREATE and not _only_pending(now):
        yield f"{name}: was to be created, but is there now and not as the plan has it"
    elif now.outcome is Outcome.CREATE and planned.outcome != Outcome.CREATE:
        yield f"{name}: is gone"
    elif planned.outcome != Outcome.CREATE or now.outcome is Outcome.CREATE:
        yield from (f"{name}: {key or 'what is to be created'} is not as it was" for key in _other(planned, now))


def _only_pending(change: ObjectChange) -> bool:
    return bool(change.fields) and all(one.pending for one in change.fields)


def _other(planned: Planned, now: ObjectChange) -> list[str]:
    return [key for key, value in _digests(now).items() if planned.fields.get(key) != value]


def _digests(change: ObjectChange) -> dict[str, str]:
    whole = {"": change.digest} if change.digest else {}
    return {**whole, **{one.field: one.digest for one in change.fields}}


def _place(change: ObjectChange) -> Place:
    return change.cluster, str(change.ref), change.manager


def _own(cluster: Cluster) -> dict[str, Any]:
    return {key: value for key, value in _plain(cluster).items() if key not in ELSEWHERE}


def _plain(value: MeshSpec | Cluster) -> dict[str, Any]:
    return {key: _data(getattr(value, key)) for key in value.__slots__}


def _data(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _data(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_data(one) for one in value]
    return {key: _data(getattr(value, key)) for key in value.__slots__} if hasattr(value, "__slots__") else value


# --- as a document ---------------------------------------------------------------------------------------------------
def document(file: PlanFile) -> dict[str, Any]:
    """Return the file as JSON-like data."""
    return {
        "v": VERSION,
        "type": TYPE,
        "request": asdict(file.request),
        "objects": [
            {"cluster": cluster, "object": ref, "manager": manager, **asdict(planned)}
            for (cluster, ref, manager), planned in file.objects.items()
        ],
        "repairs": [{"cluster": cluster, "text": text} for cluster, text in sorted(file.repairs)],
        "unknown": [{"step": step, "fact": fact} for step, fact in sorted(file.unknown)],
    }


def read(data: Any, name: str) -> PlanFile:
    """Return what a document says; raise SpecError when it is none of ours. `name` is the file's, for the error."""
    if not isinstance(data, dict) or data.get("type") != TYPE:
        raise SpecError([f"{name}: not a plan file"], hint="meshctl plan --out FILE writes one")
    if data.get("v") != VERSION:
        raise SpecError([f"{name}: a plan file of version {data.get('v')}, which this meshctl does not read"])
    try:
        request = Request(dict(data["request"]["parts"]), dict(data["request"]["clusters"]), data["request"]["force"])
        objects = {
            (one["cluster"], one["object"], one["manager"]): Planned(one["outcome"], one["uid"], dict(one["fields"]))
            for one in data["objects"]
        }
        repairs = frozenset((one["cluster"], one["text"]) for one in data["repairs"])
        unknown = frozenset((one["step"], one["fact"]) for one in data["unknown"])
    except (KeyError, TypeError, ValueError) as error:
        raise SpecError([f"{name}: not a whole plan file"], hint="make it again: meshctl plan --out FILE") from error
    return PlanFile(request, objects, repairs, unknown)
