"""What is asked before anything is written (MESH-1xx), category by category."""

from meshctl.checks.catalog.check import Check
from meshctl.checks.catalog.preflight import network, operator, platform, reachability, rights, trust

__all__ = ["PREFLIGHT"]

PREFLIGHT: tuple[Check, ...] = (
    *reachability.CHECKS,
    *rights.CHECKS,
    *operator.CHECKS,
    *platform.CHECKS,
    *trust.CHECKS,
    *network.CHECKS,
)
