"""What each exit code means, and how to go on after it, in words."""

from collections.abc import Mapping
from types import MappingProxyType

from meshctl.errors import Exit

MEANINGS: Mapping[Exit, str] = MappingProxyType(
    {
        Exit.DONE: "done",
        Exit.FAILED: "a step failed",
        Exit.USAGE: "what was asked for is not valid",
        Exit.REFUSED: "the clusters are not fit for it; nothing was written",
        Exit.TIMEOUT: "waited to the deadline",
        Exit.VERIFICATION: "traffic does not reach every version from every cluster",
        Exit.LOCKED: "another run holds a cluster",
        Exit.LEFTOVERS: "something is left over",
        Exit.CHANGES: "there is something to change",
        Exit.INTERRUPTED: "interrupted",
    }
)

_AGAIN = "run the same command again: it goes on where this run stopped"

NEXT: Mapping[Exit, str] = MappingProxyType(
    {
        Exit.FAILED: f"Cure the cause, then {_AGAIN}.",
        Exit.REFUSED: "Cure the cause, then run the same command again.",
        Exit.TIMEOUT: f"Cure the cause, or allow more time, then {_AGAIN}.",
        Exit.VERIFICATION: "Cure the cause, then run the same command again.",
        Exit.LOCKED: "Wait until the other run has ended, then run the same command again.",
        Exit.LEFTOVERS: "Remove what is named above, or run the same command again.",
        Exit.CHANGES: "Read the plan; `meshctl install` carries it out.",
        Exit.INTERRUPTED: f"To go on, {_AGAIN}.",
    }
)
