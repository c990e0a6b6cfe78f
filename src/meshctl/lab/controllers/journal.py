"""Events: what controllers tell the reader of `kubectl describe`."""

import secrets
from dataclasses import dataclass, field

from meshctl.lab.api import Api, ApiError
from meshctl.lab.controllers.shapes import name_of, namespace_of, stamp, uid_of
from meshctl.names import EVENT
from meshctl.objects import Kind, Manifest, Ref


@dataclass(slots=True)
class Journal:
    """Writes events as one component; what was said before is counted, not said again."""

    api: Api
    component: str
    _said: dict[tuple[str, str, str], tuple[Ref, int]] = field(default_factory=dict)

    async def tell(self, kind: Kind, about: Manifest, reason: str, message: str, *, warning: bool = True) -> None:
        """Record an event; one that cannot be written is lost, as in a real cluster."""
        key = (uid_of(about), reason, message)
        try:
            if key in self._said:
                ref, count = self._said[key]
                self._said[key] = (ref, count + 1)
                await self.api.merge(ref, {"count": count + 1, "lastTimestamp": stamp()})
            else:
                event = self._event(kind, about, reason, message, warning=warning)
                await self.api.create(event)
                self._said[key] = (Ref(EVENT, name_of(event), namespace_of(event)), 1)
        except ApiError:
            self._said.pop(key, None)

    def _event(self, kind: Kind, about: Manifest, reason: str, message: str, *, warning: bool) -> Manifest:
        now = stamp()
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{name_of(about)}.{secrets.token_hex(8)}",
                "namespace": namespace_of(about) or "default",
            },
            "involvedObject": {
                "apiVersion": kind.api_version,
                "kind": kind.name,
                "name": name_of(about),
                **({"namespace": namespace_of(about)} if namespace_of(about) else {}),
                "uid": uid_of(about),
                "resourceVersion": about["metadata"].get("resourceVersion", ""),
            },
            "reason": reason,
            "message": message,
            "type": "Warning" if warning else "Normal",
            "source": {"component": self.component},
            "reportingComponent": self.component,
            "reportingInstance": "",
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
