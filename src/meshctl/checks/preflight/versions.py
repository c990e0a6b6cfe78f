"""Which Kubernetes versions a minor version of Istio is made for, as its release notes say."""

import re
from collections.abc import Mapping
from types import MappingProxyType

Version = tuple[int, int]

WINDOWS: Mapping[Version, tuple[Version, Version]] = MappingProxyType(
    {
        (1, 24): ((1, 28), (1, 31)),
        (1, 26): ((1, 29), (1, 33)),
        (1, 28): ((1, 30), (1, 34)),
        (1, 30): ((1, 32), (1, 36)),
    }
)
"""The oldest and the newest Kubernetes by Istio's minor version; a minor that is not here is not judged."""


def minor(version: str) -> Version | None:
    """Return major and minor of a version, with or without its v; None when it is none."""
    read = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(read[1]), int(read[2])) if read else None
