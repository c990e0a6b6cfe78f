"""A finding: one thing about the clusters that the user should know, and what to do about it."""

from dataclasses import dataclass

from meshctl.certs.material import Severity


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; `cluster` is empty when it is about several."""

    severity: Severity
    cluster: str
    text: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.cluster}: " if self.cluster else ""
        return f"{where}{self.text}" + (f"\n  → {self.hint}" if self.hint else "")


def error(cluster: str, text: str, hint: str = "") -> Finding:
    """Return a finding that stands in the way."""
    return Finding(Severity.ERROR, cluster, text, hint)


def warning(cluster: str, text: str, hint: str = "") -> Finding:
    """Return a finding that only deserves a look."""
    return Finding(Severity.WARNING, cluster, text, hint)


def errors(findings: list[Finding]) -> list[Finding]:
    """Return those that stand in the way."""
    return [one for one in findings if one.severity is Severity.ERROR]
