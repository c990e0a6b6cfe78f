"""The variant for kernels before 4.11, which lack the sysctl that the gateway template sets."""

import re
from collections.abc import Iterable

from meshctl import documents
from meshctl.errors import MeshctlError
from meshctl.objects import Manifest, Verdict, dig

OLDEST_GOOD = (4, 11)
_SYSCTLS = re.compile(
    r"^(?P<indent>[ ]*)sysctls:[ ]*\n"
    r"(?P=indent)[ ]*-[ ]+name:[ ]*net\.ipv4\.ip_unprivileged_port_start[ ]*\n"
    r"(?P=indent)[ ]+value:[ ]*[\"']?0[\"']?[ ]*$",
    re.MULTILINE,
)
_EMPTIED = re.compile(r"^[ ]*sysctls:[ ]*\[\][ ]*$", re.MULTILINE)


def kernel_version(node: Manifest) -> tuple[int, int] | None:
    """Return a node's kernel version, None when it cannot be read."""
    text = str(dig(node, "status", "nodeInfo", "kernelVersion") or "")
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def has_old_kernel(nodes: Iterable[Manifest]) -> bool:
    """Say whether any node's kernel is too old for the gateway template's sysctl."""
    versions = (kernel_version(node) for node in nodes)
    return any(version is not None and version < OLDEST_GOOD for version in versions)


def edited_template(config: str) -> str:
    """Return the gateway template of an injector configuration with an empty list of sysctls.

    The list must be there exactly once: a template of another shape is not ours to guess at.
    """
    parsed = documents.read(config) if config else None
    template = dig(parsed, "templates", "gateway") if isinstance(parsed, dict) else None
    if not isinstance(template, str):
        msg = "the injector's configuration holds no gateway template"
        raise MeshctlError(msg, hint="is istiod installed on the primary?")
    found = len(_SYSCTLS.findall(template))
    if found == 0 and _EMPTIED.search(template):
        return template
    if found != 1:
        msg = f"the gateway template sets net.ipv4.ip_unprivileged_port_start {found} times, not once"
        raise MeshctlError(msg, hint="edit the template by hand, and set kernel: new in the mesh file")
    return _SYSCTLS.sub(r"\g<indent>sysctls: []", template)


def template_in_force(obj: Manifest | None) -> Verdict:
    """Met when the injector's configuration has no such sysctl in its gateway template any more."""
    config = str(dig(obj, "data", "config") or "")
    parsed = documents.read(config) if config else None
    template = dig(parsed, "templates", "gateway") if isinstance(parsed, dict) else None
    clean = isinstance(template, str) and not _SYSCTLS.search(template)
    return Verdict(met=clean, detail="the operator has not rendered the gateway template for old kernels yet")
