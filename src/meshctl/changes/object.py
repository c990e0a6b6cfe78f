"""One object: what applying it would come to, by a dry run that is compared with what is there."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from meshctl.changes.compare import differences, laid_over
from meshctl.changes.fields import digest, field_of, pending_field
from meshctl.changes.model import FieldChange, ObjectChange, Outcome
from meshctl.changes.pending import Pending, asked
from meshctl.cluster import Client
from meshctl.errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    StaleError,
    TransientError,
    UnknownKindError,
)
from meshctl.names import SECRET
from meshctl.objects import Manifest, Ref, dig
from meshctl.plan import Clients

TRIES = 3
"""How often an object that changes between two questions is asked for again."""


class Space(Enum):
    """What there is of a namespace."""

    ABSENT = auto()
    LEAVING = auto()
    THERE = auto()


@dataclass(frozen=True, slots=True)
class Wish:
    """One object of the plan: `manifest` is to be applied on the cluster `on`, with stand-ins for what is not known."""

    step: str
    on: str
    manager: str
    ref: Ref
    manifest: Manifest
    stand_ins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom to ask, what is known of namespaces by cluster and name, and whether fields of others are taken over."""

    clients: Clients
    spaces: Mapping[tuple[str, str], Space]
    force: bool = False


def change_of(asking: Asking, wish: Wish) -> ObjectChange:
    """Return what applying one object would come to."""
    client = asking.clients[wish.on]
    space = asking.spaces.get((wish.on, wish.ref.namespace), Space.THERE)
    if space is Space.LEAVING:
        return _creation(wish, text="once its namespace is gone, which is being removed")
    if space is Space.ABSENT:
        return _creation(wish)
    try:
        live = client.get(wish.ref)
        if live is None:
            return _tried_creation(client, wish)
        if dig(live, "metadata", "deletionTimestamp"):
            return _creation(wish, text="once the one that is being removed is gone")
        return _change(client, wish, live, force=asking.force)
    except UnknownKindError:
        return _refused(wish, f"{wish.ref.kind.resource} is not served here")
    except ForbiddenError as error:
        return _refused(wish, _told(wish, error))


def _creation(wish: Wish, text: str = "") -> ObjectChange:
    _, pending = asked(wish.manifest, None, wish.stand_ins)
    fields = tuple(_pending(wish, None, one) for one in pending)
    return _result(wish, Outcome.CREATE, fields, text, digest_=digest(wish.manifest))


def _tried_creation(client: Client, wish: Wish) -> ObjectChange:
    if not wish.stand_ins:
        try:
            client.apply(wish.manifest, dry_run=True, manager=wish.manager)
        except (NotFoundError, AlreadyExistsError):
            return _creation(wish)  # its namespace has just gone, or somebody has just made it
        except (InvalidError, ForbiddenError) as error:
            return _refused(wish, _told(wish, error))
        except TransientError as error:
            return _unanswered(wish, error)
    return _creation(wish)


def _change(client: Client, wish: Wish, live: Manifest, *, force: bool) -> ObjectChange:
    manifest, pending = asked(wish.manifest, live, wish.stand_ins)
    taken = ""
    try:
        try:
            live, wanted = _dry_run(client, wish, live, manifest)
        except StaleError:
            raise
        except ConflictError as error:
            taken = _told(wish, error)
            live, wanted = _dry_run(client, wish, live, manifest, force=True)
    except (InvalidError, ForbiddenError) as error:
        fields = tuple(field_of(live, one, wish.manager) for one in differences(live, laid_over(live, manifest)))
        return _refused(wish, _told(wish, error), live, fields)
    except TransientError as error:
        return _unanswered(wish, error, live)
    changed = tuple(field_of(live, one, wish.manager) for one in differences(live, wanted))
    fields = changed + tuple(_pending(wish, live, one) for one in pending)
    if taken:
        outcome = Outcome.TAKE_OVER if force else Outcome.CONFLICT
    elif changed:
        outcome = Outcome.CHANGE
    else:
        outcome = Outcome.UNKNOWN if pending else Outcome.UNCHANGED
    return _result(wish, outcome, fields, taken, live)


def _dry_run(
    client: Client, wish: Wish, live: Manifest, manifest: Manifest, *, force: bool = False
) -> tuple[Manifest, Manifest]:
    """Return the live object, and what an apply would make of that very version of it."""
    for _ in range(TRIES):
        wanted = client.apply(manifest, dry_run=True, force=force, manager=wish.manager)
        if dig(wanted, "metadata", "resourceVersion") == dig(live, "metadata", "resourceVersion"):
            break
        live = client.get(wish.ref) or live
    return live, wanted


def _pending(wish: Wish, live: Manifest | None, pending: Pending) -> FieldChange:
    return pending_field(live, pending, secret=wish.ref.kind == SECRET)


def _refused(wish: Wish, text: str, live: Manifest | None = None, fields: tuple[FieldChange, ...] = ()) -> ObjectChange:
    return _result(wish, Outcome.REFUSED, fields, text, live)


def _unanswered(wish: Wish, error: TransientError, live: Manifest | None = None) -> ObjectChange:
    """Return that nobody knows, when a webhook is what does not answer: an install would wait for it."""
    if "webhook" not in error.message:
        raise error
    return _result(wish, Outcome.UNKNOWN, (), _told(wish, error), live)


def _told(wish: Wish, error: ClusterError) -> str:
    return error.message.removeprefix(f"{wish.on}: ")


def _result(
    wish: Wish,
    outcome: Outcome,
    fields: tuple[FieldChange, ...] = (),
    text: str = "",
    live: Manifest | None = None,
    digest_: str = "",
) -> ObjectChange:
    uid = str(dig(live, "metadata", "uid") or "")
    return ObjectChange(wish.on, wish.step, wish.ref, wish.manager, outcome, fields, text, uid, digest_)
