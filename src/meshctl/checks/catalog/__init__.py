"""Every check that meshctl makes, by code: what `meshctl explain` prints, and what the reference lists."""

from difflib import get_close_matches

from meshctl.checks.catalog.check import Category, Check
from meshctl.checks.catalog.diagnosis import DIAGNOSIS
from meshctl.checks.catalog.preflight import PREFLIGHT
from meshctl.checks.catalog.status import STATUS

__all__ = ["CATALOG", "DIAGNOSIS", "PREFLIGHT", "STATUS", "Category", "Check", "check_of", "unknown"]

CATALOG: tuple[Check, ...] = (*PREFLIGHT, *DIAGNOSIS, *STATUS)
"""All checks, in the order in which they are explained.

Before an install (MESH-1xx), the links of a mesh (MESH-2xx), and what only a status shows (MESH-3xx).
"""


def check_of(code: str) -> Check | None:
    """Return the check with this code, in whatever case it was typed; the number alone will do."""
    wanted = code.strip().upper()
    return next((check for check in CATALOG if wanted in (check.code, check.code.removeprefix("MESH-"))), None)


def unknown(code: str) -> str:
    """Say that there is no check with this code, and which codes are near."""
    near = get_close_matches(code.strip().upper(), [check.code for check in CATALOG], n=3, cutoff=0.8)
    return "there is no such check" + (f"; near are {', '.join(sorted(near))}" if near else "")
