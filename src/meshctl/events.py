"""What happens during a run, as values: one stream, read by every renderer.

`at` is seconds since the epoch. Every step that is started ends in exactly one Finished; a step that never starts ends
in one as well, as skipped. Texts never hold secrets.
"""

from dataclasses import dataclass
from enum import StrEnum

from meshctl.errors import Exit


class Outcome(StrEnum):
    """How a step ended. `INTERRUPTED`: it was cut short on purpose."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class StepInfo:
    """A step as readers of events see it; `key` is `cluster: title`."""

    key: str
    cluster: str
    title: str
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """The first event: what is going to happen, in the guide's order."""

    at: float
    title: str
    clusters: tuple[str, ...]
    steps: tuple[StepInfo, ...]


@dataclass(frozen=True, slots=True)
class Started:
    """A step begins."""

    at: float
    step: StepInfo


@dataclass(frozen=True, slots=True)
class Progressed:
    """The current reason of a wait, or what an action just did.

    `waiting_for` says what is waited for meanwhile (`the load balancer to give an address`); it is empty when `text` is
    no reason of a wait. A reason stands until the step's next event.
    """

    at: float
    step: StepInfo
    text: str
    waiting_for: str = ""


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the user should know that stops nothing. `step` is None outside of steps."""

    at: float
    step: StepInfo | None
    text: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step failed: one sentence, what was last seen, the next command, and the exit code it asks for."""

    message: str
    last_seen: str
    hint: str
    exit_code: Exit


@dataclass(frozen=True, slots=True)
class Finished:
    """A step's end. `text` says what it achieved, or which step is to blame when it was skipped."""

    at: float
    step: StepInfo
    outcome: Outcome
    seconds: float
    text: str = ""
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event. `exit_code` follows from the failures: the first failed step, in plan order, decides."""

    at: float
    seconds: float
    exit_code: Exit
    succeeded: int
    failed: int
    skipped: int


Event = Planned | Started | Progressed | Warned | Finished | Ended
