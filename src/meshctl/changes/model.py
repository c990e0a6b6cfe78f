"""What would change, as values that can be shown, counted and written to a file."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from meshctl.errors import Exit
from meshctl.objects import Ref
from meshctl.spec import MeshSpec


class Outcome(StrEnum):
    """What applying an object would come to."""

    CREATE = "create"
    CHANGE = "change"
    UNCHANGED = "unchanged"
    CONFLICT = "conflict"  # somebody else owns a field: the apply would be refused
    TAKE_OVER = "take-over"  # somebody else owns a field, and --force-conflicts takes it
    UNKNOWN = "unknown"  # depends on what nobody knows yet
    REFUSED = "refused"  # the API server would not take it


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that would change; None is a field that is not there.

    `owners` are the other managers that own it. A secret's values are never in here: `hidden` says that there are some.
    With `pending`, `new` is no value but says which one it will be. `digest` is of both values, for comparing plans.
    """

    field: str
    old: Any
    new: Any
    owners: tuple[str, ...] = ()
    hidden: bool = False
    pending: bool = False
    digest: str = ""


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """One object of the plan on one cluster, and what applying it as `manager` would come to.

    `uid` is the live object's, empty when there is none; `text` is a sentence on why, where there is one.
    `digest` is of what is to be created.
    """

    cluster: str
    step: str
    ref: Ref
    manager: str
    outcome: Outcome
    fields: tuple[FieldChange, ...] = ()
    text: str = ""
    uid: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Repair:
    """What a run would do on its way besides applying objects."""

    cluster: str
    step: str
    text: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """Everything an install would do now. `unknown` names the facts that nobody knows yet, by step and name."""

    mesh: MeshSpec
    title: str
    changes: tuple[ObjectChange, ...]
    repairs: tuple[Repair, ...]
    unknown: frozenset[tuple[str, str]] = frozenset()

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """How many objects there are of each outcome."""
        return Counter(one.outcome for one in self.changes)

    @property
    def exit_code(self) -> Exit:
        """0 when there is nothing to do, else 10: whoever stands in the way of it, something is not as it should be."""
        nothing = self.counts[Outcome.UNCHANGED] == len(self.changes) and not self.repairs
        return Exit.DONE if nothing else Exit.CHANGES
