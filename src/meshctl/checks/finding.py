"""A finding: one thing about the clusters that the user should know, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass

from meshctl.certs.material import Severity
from meshctl.checks.catalog.check import Check


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; `cluster` is empty when it is about several.

    `code` is that of the check, which may be more severe than what it has found here. `hint` says what to do in words;
    `command` is a line for a shell that mends it, to be run as it stands, where there is one. `evidence` holds what was
    seen, one short line each.
    """

    severity: Severity
    cluster: str
    text: str
    hint: str = ""
    code: str = ""
    command: str = ""
    evidence: tuple[str, ...] = ()

    @property
    def advice(self) -> str:
        """What to do, in words and as a command."""
        return " ".join(part for part in (self.hint, self.command) if part)

    def __str__(self) -> str:
        where = f"{self.cluster}: " if self.cluster else ""
        code = f" [{self.code}]" if self.code else ""
        return f"{where}{self.text}{code}" + (f"\n  → {self.advice}" if self.advice else "")


def found(
    check: Check, cluster: str, text: str, hint: str = "", command: str = "", evidence: tuple[str, ...] = ()
) -> Finding:
    """Return what a check has found, as severe as the check is."""
    return Finding(check.severity, cluster, text, hint, check.code, command, evidence)


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Return those that stand in the way."""
    return [one for one in findings if one.severity is Severity.ERROR]
