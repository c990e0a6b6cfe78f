"""What a lab is asked to be: how many clusters, how fast, what is broken, whose operator."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from meshctl.errors import SpecError
from meshctl.lab.faults import Fault, parse_faults
from meshctl.lab.sites import Flavour

MOST_REMOTES = 60
SLOWEST, FASTEST = 0.01, 10000.0


@dataclass(frozen=True, slots=True)
class LabOptions:
    """`faults` are texts as they are typed: NAME[@CLUSTER][=VALUE]."""

    remotes: int = 1
    speed: float = 1.0
    faults: tuple[str, ...] = ()
    operator: str = Flavour.VENDOR.value

    @property
    def contexts(self) -> tuple[str, ...]:
        """The names of the clusters: east, west, west2 and so on."""
        return ("east", *("west" if number == 1 else f"west{number}" for number in range(1, self.remotes + 1)))

    @property
    def flavour(self) -> Flavour:
        """Whose operator runs."""
        return Flavour(self.operator)

    @property
    def parsed_faults(self) -> tuple[Fault, ...]:
        """The faults in force at the start."""
        return parse_faults(self.faults, self.contexts)

    def check(self) -> "LabOptions":
        """Return these options; raise SpecError with everything that is wrong with them."""
        problems = []
        if not 0 <= self.remotes <= MOST_REMOTES:
            problems.append(f"--remotes {self.remotes}: a lab has 0 to {MOST_REMOTES} remotes")
        if self.speed and not SLOWEST <= self.speed <= FASTEST:
            problems.append(f"--speed {self.speed:g}: is none of 0 (without any delay) and {SLOWEST:g} to {FASTEST:g}")
        if self.operator not in [flavour.value for flavour in Flavour]:
            problems.append(f"--operator {self.operator}: is none of {', '.join(Flavour)}")
        hint = ""
        if 0 <= self.remotes <= MOST_REMOTES:
            try:
                parse_faults(self.faults, self.contexts)
            except SpecError as error:
                problems.extend(error.problems)
                hint = error.hint
        if problems:
            raise SpecError(problems, hint=hint)
        return self

    def plain(self) -> dict[str, Any]:
        """Return the options as JSON-like data."""
        return {**asdict(self), "faults": list(self.faults)}


def options_from(data: Mapping[str, Any]) -> LabOptions:
    """Return the options that `plain` made this of."""
    return LabOptions(data["remotes"], data["speed"], tuple(data["faults"]), data["operator"])


def described(options: LabOptions) -> str:
    """Return the options as they are typed."""
    parts = [f"--remotes {options.remotes}", f"--speed {options.speed:g}", f"--operator {options.operator}"]
    return " ".join([*parts, *(f"--fault {fault}" for fault in options.faults)])
