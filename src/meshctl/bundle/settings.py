"""The mesh that was asked for, as data: without the places of kubeconfigs, and without secrets in Helm values."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum

from meshctl.bundle.cleaning import cleaned
from meshctl.objects import Manifest
from meshctl.spec import MeshSpec

LEFT_OUT = frozenset({"kubeconfig"})


def settings_of(mesh: MeshSpec) -> Manifest:
    """Return every setting of a mesh."""
    plain = _plain(mesh)
    return cleaned(plain) if isinstance(plain, dict) else {}


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value) if f.name not in LEFT_OUT}
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.value if isinstance(value, Enum) else value
