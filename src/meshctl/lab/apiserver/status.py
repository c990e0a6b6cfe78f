"""The refusals of a Kubernetes API server, with the sentences and details its clients know them by."""

from collections.abc import Sequence
from dataclasses import dataclass

from meshctl.lab.api import ApiError
from meshctl.objects import Kind, Manifest


@dataclass(frozen=True, slots=True)
class Problem:
    """One invalid field: where, what kind of mistake (the cause's reason), and the sentence."""

    field: str
    reason: str
    message: str


class StatusError(ApiError):
    """An ApiError that also carries the `details` of a Status."""

    def __init__(self, code: int, reason: str, message: str, details: Manifest | None = None) -> None:
        super().__init__(code, reason, message)
        self.details = details


def status(error: ApiError) -> Manifest:
    """Return the `v1 Status` that tells a client of the refusal."""
    details = error.details if isinstance(error, StatusError) else None
    body: Manifest = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": error.message,
    }
    if error.reason:
        body["reason"] = error.reason
    if details is not None:
        body["details"] = details
    body["code"] = error.code
    return body


def success(kind: Kind, name: str, uid: str) -> Manifest:
    """Return the `v1 Status` that answers a completed delete."""
    details = {"name": name, "group": kind.group, "kind": kind.plural, "uid": uid}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value},
    }


def about(kind: Kind, name: str) -> Manifest:
    """Return the details that name one object."""
    details = {"name": name, "group": kind.group, "kind": kind.plural}
    return {key: value for key, value in details.items() if value}


def not_found(kind: Kind, name: str) -> StatusError:
    """Say that there is no such object."""
    return StatusError(404, "NotFound", f'{kind.resource} "{name}" not found', about(kind, name))


NO_RESOURCE = "the server could not find the requested resource"


def unknown_part() -> StatusError:
    """Say that the resource has no such subresource."""
    return StatusError(404, "NotFound", NO_RESOURCE, {})


def unknown_resource() -> StatusError:
    """Say that there is no such path."""
    return StatusError(404, "NotFound", NO_RESOURCE)


def already_exists(kind: Kind, name: str, *, ending: bool = False) -> StatusError:
    """Say that an object of that name is there already, if only for a while."""
    message = f'{kind.resource} "{name}" already exists'
    return StatusError(
        409, "AlreadyExists", f"object is being deleted: {message}" if ending else message, about(kind, name)
    )


def conflict(kind: Kind, name: str, why: str) -> StatusError:
    """Say that the write was made against another version of the object."""
    message = f'Operation cannot be fulfilled on {kind.resource} "{name}": {why}'
    return StatusError(409, "Conflict", message, about(kind, name))


def other_uid(kind: Kind, name: str, wanted: str, actual: str) -> StatusError:
    """Say that the object to be deleted is another one of the same name."""
    why = (
        f"the UID in the precondition ({wanted}) does not match the UID in record ({actual}). "
        "The object might have been deleted and then recreated"
    )
    return _unmet(kind, name, why)


def other_version(kind: Kind, name: str, wanted: str, actual: str) -> StatusError:
    """Say that the object to be deleted has changed."""
    why = (
        f"the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({actual}). "
        "The object might have been modified"
    )
    return _unmet(kind, name, why)


def _unmet(kind: Kind, name: str, why: str) -> StatusError:
    label = f"{kind.name}.{kind.group}" if kind.group else kind.name
    message = f'Operation cannot be fulfilled on {label} "{name}": {why}'
    return StatusError(409, "Conflict", message, {**about(kind, name), "kind": kind.name})


def bad_options(options: str, problem: Problem) -> StatusError:
    """Say that a parameter of the request makes no sense; `options` is the type that it is a field of."""
    cause = {"reason": problem.reason, "message": problem.message, "field": problem.field}
    return StatusError(
        422,
        "Invalid",
        f'{options}.meta.k8s.io "" is invalid: {problem.field}: {problem.message}',
        {"group": "meta.k8s.io", "kind": options, "causes": [cause]},
    )


MODIFIED_MEANWHILE = "the object has been modified; please apply your changes to the latest version and try again"


def bad_request(message: str) -> StatusError:
    """Say that the request cannot be understood."""
    return StatusError(400, "BadRequest", message)


def forbidden(kind: Kind, name: str, why: str, causes: Sequence[Manifest] = ()) -> StatusError:
    """Say that the request is understood and not allowed."""
    details = about(kind, name)
    if causes:
        details["causes"] = list(causes)
    quoted = f' "{name}"' if name else ""
    return StatusError(403, "Forbidden", f"{kind.resource}{quoted} is forbidden: {why}", details)


def invalid(kind: Kind, name: str, problems: Sequence[Problem]) -> StatusError:
    """Say that the object breaks rules of its kind."""
    texts = [f"{problem.field}: {problem.message}" for problem in problems]
    text = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    label = f"{kind.name}.{kind.group}" if kind.group else kind.name
    details: Manifest = {"name": name, "group": kind.group, "kind": kind.name}
    details = {key: value for key, value in details.items() if value}
    details["causes"] = [
        {"reason": problem.reason, "message": problem.message, "field": problem.field} for problem in problems
    ]
    return StatusError(422, "Invalid", f'{label} "{name}" is invalid: {text}', details)


def internal(message: str) -> StatusError:
    """Say that something behind the API server failed."""
    return StatusError(500, "InternalError", f"Internal error occurred: {message}", {"causes": [{"message": message}]})


def expired(message: str) -> StatusError:
    """Say that the asked-for resourceVersion has left the history."""
    return StatusError(410, "Expired", message)


def too_old(asked: int, oldest: int) -> StatusError:
    """Say that a watch asks for a version that has left the history."""
    return expired(f"too old resource version: {asked} ({oldest})")


def unauthorized() -> StatusError:
    """Say that the credentials are not accepted."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def method_not_allowed() -> StatusError:
    """Say that the path exists but does not take that verb."""
    return StatusError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def unsupported_patch() -> StatusError:
    """Say that the body is no kind of patch that the resource takes."""
    return StatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def unsupported_media(kinds: str) -> StatusError:
    """Say that the body has a content type that is not understood."""
    message = f"the body of the request was in an unknown format - accepted media types include: {kinds}"
    return StatusError(415, "UnsupportedMediaType", message)
