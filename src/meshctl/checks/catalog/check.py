"""A check as data, apart from the code that makes it: so that it can be listed, explained and skipped by its code."""

from dataclasses import dataclass
from enum import StrEnum

from meshctl.certs.material import Severity


class Category(StrEnum):
    """What a check is about, in the order in which things depend on each other."""

    REACHABILITY = "reachability"
    RIGHTS = "rights"
    OPERATOR = "operator"
    PLATFORM = "platform"
    TRUST = "trust"
    NETWORK = "network"
    CONTROL_PLANE = "control plane"
    REMOTE = "remote"
    INJECTION = "injection"
    TRAFFIC = "traffic"


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `title` is what is wrong when it fails, as a short sentence without a full stop.

    `explanation` is the long form: what is asked, why it matters, how it comes about. `remedy` is what to do, in
    general; a finding says it for the case at hand. Nothing goes on without what is `essential`, so such a check cannot
    be skipped. `asked_by` is the option without which a check is not made.
    """

    code: str
    category: Category
    severity: Severity
    title: str
    explanation: str
    remedy: str
    essential: bool = False
    asked_by: str = ""
