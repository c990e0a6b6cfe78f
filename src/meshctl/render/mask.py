"""Takes secret data out of objects before anybody prints them; the keys stay, for they say what would be there."""

from typing import Any

from meshctl.objects import Manifest
from meshctl.render.hiding import HIDDEN

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_SECRET_FIELDS = ("data", "stringData")


def masked(manifest: Manifest) -> Manifest:
    """Return the object without secret data, also where a list, or kubectl's annotation, carries it."""
    shown: Manifest = {key: _without_copy(value) if key == "metadata" else value for key, value in manifest.items()}
    if isinstance(manifest.get("items"), list):
        shown["items"] = [masked(item) if isinstance(item, dict) else item for item in manifest["items"]]
    if manifest.get("kind") == "Secret":
        shown |= {field: _hidden(manifest[field]) for field in _SECRET_FIELDS if field in manifest}
    return shown


def _hidden(value: Any) -> Any:
    return dict.fromkeys(value, HIDDEN) if isinstance(value, dict) else HIDDEN


def _without_copy(metadata: Any) -> Any:
    if not isinstance(metadata, dict) or _LAST_APPLIED not in (metadata.get("annotations") or {}):
        return metadata
    return {**metadata, "annotations": {**metadata["annotations"], _LAST_APPLIED: HIDDEN}}
