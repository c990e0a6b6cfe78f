"""What is asked of a cluster for a bundle, as values: a file to be, and how to come by it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from meshctl.cluster import Client


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a question: texts by path, further questions it leads to, and secret values seen on the way."""

    files: dict[str, str]
    then: tuple["Question", ...] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class Question:
    """One file, or a few of one kind; `path` is where it goes below the cluster's folder."""

    path: str
    ask: Callable[[Client], Found]


@dataclass(frozen=True, slots=True)
class Missing:
    """A file that is not there, and why."""

    path: str
    reason: str
