"""Every check that meshctl makes, by code: what `meshctl explain` prints, and what the reference lists."""

from meshctl.checks.catalog.check import Category, Check
from meshctl.checks.catalog.diagnosis import DIAGNOSIS
from meshctl.checks.catalog.preflight import PREFLIGHT

__all__ = ["CATALOG", "Category", "Check", "check_of"]

CATALOG: tuple[Check, ...] = (*PREFLIGHT, *DIAGNOSIS)
"""All checks, in the order in which they are explained: before an install (MESH-1xx), then of a mesh (MESH-2xx)."""


def check_of(code: str) -> Check | None:
    """Return the check with this code, in whatever case it was typed."""
    return next((check for check in CATALOG if check.code == code.strip().upper()), None)
