"""Kubernetes objects as plain data, and the questions one asks of them.

Everything here is pure. A condition takes an object, or None when there is none, and returns a verdict; whether it is
asked once (a check) or until it holds (a wait) is somebody else's business.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]
"""One Kubernetes object as JSON-like data."""


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """A resource type: what a manifest calls it, and where the API server serves it."""

    name: str
    plural: str
    version: str = "v1"
    group: str = ""
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`group/version`, or the version alone for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """`plural.group`, as kubectl names it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str = "", name: str = "") -> str:
        """Return the URL path of the collection, or of one object."""
        prefix = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        middle = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{prefix}{middle}/{self.plural}" + (f"/{name}" if name else "")


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """The name of one object; `namespace` is empty for cluster-scoped kinds."""

    kind: Kind
    name: str
    namespace: str = ""

    @property
    def path(self) -> str:
        """The URL path of the object."""
        return self.kind.path(self.namespace, self.name)

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        return f"{self.kind.name.lower()}/{self.name}{where}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a condition.

    `detail` is the sentence to show meanwhile (or the proof, when met); `final` means it will never be met by waiting.
    `hint` is what to do about it, where the condition knows better than whoever waits.
    """

    met: bool
    detail: str = ""
    final: bool = False
    hint: str = ""


Condition = Callable[[Manifest | None], Verdict]


def dig(obj: Manifest | None, *path: str | int) -> Any:
    """Return the value at `path`, or None where anything on the way is missing."""
    here: Any = obj
    for key in path:
        if isinstance(here, Mapping):
            here = here.get(key)
        elif isinstance(here, list) and isinstance(key, int) and -len(here) <= key < len(here):
            here = here[key]
        else:
            return None
    return here
