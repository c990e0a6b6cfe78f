"""What a preflight came to, as data that every form of the report is made of."""

from collections.abc import Iterator
from dataclasses import dataclass

from meshctl.certs.material import Severity
from meshctl.checks.catalog import Category, Check
from meshctl.checks.finding import Finding
from meshctl.errors import Exit


@dataclass(frozen=True, slots=True)
class Member:
    """One cluster as it was met; `version` is Kubernetes' and empty when it did not answer."""

    name: str
    context: str
    server: str
    version: str


@dataclass(frozen=True, slots=True)
class Report:
    """One preflight: who was asked, which checks were made or left out, and what they found.

    `passed_over` are the findings of skipped checks. `requests` counts what was sent to API servers; `seconds` is how
    long it all took.
    """

    members: tuple[Member, ...]
    made: tuple[Check, ...]
    skipped: tuple[Check, ...]
    findings: tuple[Finding, ...]
    passed_over: tuple[Finding, ...]
    requests: int
    seconds: float

    @property
    def exit_code(self) -> Exit:
        """Refused when an error was found; warnings refuse nothing."""
        return Exit.REFUSED if self.count(Severity.ERROR) else Exit.DONE

    def count(self, severity: Severity) -> int:
        """Return how many findings are this severe."""
        return sum(one.severity is severity for one in self.findings)

    def of(self, check: Check) -> tuple[Finding, ...]:
        """Return what a check found."""
        return tuple(one for one in self.findings if one.code == check.code)

    def categories(self) -> Iterator[tuple[Category, tuple[Check, ...]]]:
        """Yield every category with the checks of it that were made."""
        for category in Category:
            checks = tuple(check for check in self.made if check.category is category)
            if checks:
                yield category, checks
