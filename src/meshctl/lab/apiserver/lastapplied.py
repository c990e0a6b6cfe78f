"""How kubectl's own server-side apply takes over from its client-side apply: by the annotation of the latter."""

import json

from meshctl.lab.apiserver.owners import Fields, difference, owned_by_config
from meshctl.lab.apiserver.shapes import Shape
from meshctl.objects import Manifest

ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
MANAGER = "kubectl"
"""Only this field manager gets the special treatment."""


def taken_over(live: Manifest, shape: Shape) -> Fields:
    """Return the fields that were applied client-side and still have the applied values: they may be taken."""
    text = (live["metadata"].get("annotations") or {}).get(ANNOTATION, "")
    try:
        applied = json.loads(text) if text else None
    except ValueError:
        return frozenset()
    if not isinstance(applied, dict) or applied.get("apiVersion") != live.get("apiVersion"):
        return frozenset()
    diff = difference(applied, live, shape)
    return owned_by_config(applied, shape) - diff.changed - diff.added - diff.removed


def kept_up(merged: Manifest, config: Manifest) -> Manifest:
    """Return the merged object with the annotation saying what has been applied now, if it is there at all."""
    annotations = merged["metadata"].get("annotations") or {}
    if not annotations.get(ANNOTATION):
        return merged
    given = {k: v for k, v in (config["metadata"].get("annotations") or {}).items() if k != ANNOTATION}
    plain = {**config, "metadata": {**config["metadata"], "annotations": given}}
    text = json.dumps(plain, separators=(",", ":"), sort_keys=True) + "\n"
    return {**merged, "metadata": {**merged["metadata"], "annotations": {**annotations, ANNOTATION: text}}}
