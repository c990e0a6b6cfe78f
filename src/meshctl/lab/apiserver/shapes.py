"""How the parts of an object merge: which lists have keys, which values are replaced as a whole.

A real API server takes this from its OpenAPI schema. For built-in kinds the differences that matter are written down
here; custom resources bring a schema with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from meshctl.objects import Manifest


@dataclass(frozen=True, slots=True)
class Shape:
    """How one value merges.

    A map merges key by key and a list is replaced as a whole, unless `atomic` (a map that is replaced as a whole),
    `keys` (a list of maps told apart by these fields) or `is_set` (a list of scalars without order) says otherwise.
    `fields` gives the shapes of named fields, `rest` that of all others, `items` that of a list's items.
    `inline`: a struct that is always there, so nobody owns it by itself.
    """

    atomic: bool = False
    keys: tuple[str, ...] = ()
    is_set: bool = False
    inline: bool = False
    fields: Mapping[str, "Shape"] = field(default_factory=dict)
    rest: "Shape | None" = None
    items: "Shape | None" = None

    def field(self, name: str) -> "Shape":
        """Return the shape of a field."""
        return self.fields.get(name) or self.rest or PLAIN

    def item(self) -> "Shape":
        """Return the shape of a list's items."""
        return self.items or PLAIN


PLAIN = Shape()
ATOMIC = Shape(atomic=True)
SET = Shape(is_set=True)

KEY_DEFAULTS: Mapping[str, Any] = {"protocol": "TCP"}
"""A key field that may be left out has this value."""


def _keyed(*keys: str, **fields: Shape) -> Shape:
    return Shape(keys=keys, items=Shape(fields=fields))


def _struct(**fields: Shape) -> Shape:
    return Shape(fields=fields)


_CONDITIONS = _keyed("type")
METADATA = Shape(
    inline=True,
    fields={"ownerReferences": Shape(keys=("uid",), items=ATOMIC), "finalizers": SET},
)

_ENV = _keyed(
    "name",
    valueFrom=_struct(
        fieldRef=ATOMIC, configMapKeyRef=ATOMIC, secretKeyRef=ATOMIC, resourceFieldRef=ATOMIC, fileKeyRef=ATOMIC
    ),
)
_CONTAINERS = _keyed(
    "name",
    env=_ENV,
    ports=_keyed("containerPort", "protocol"),
    volumeMounts=_keyed("mountPath"),
    volumeDevices=_keyed("devicePath"),
    resources=_struct(claims=_keyed("name")),
)
_LABEL_SELECTOR = ATOMIC
_NODE_AFFINITY = _struct(requiredDuringSchedulingIgnoredDuringExecution=ATOMIC)
_POD_SPEC = Shape(
    fields={
        "containers": replace(_CONTAINERS, inline=True),
        "initContainers": _CONTAINERS,
        "ephemeralContainers": _CONTAINERS,
        "volumes": _keyed("name", configMap=PLAIN, secret=PLAIN),
        "imagePullSecrets": Shape(keys=("name",), items=ATOMIC),
        "hostAliases": _keyed("ip"),
        "topologySpreadConstraints": _keyed("topologyKey", "whenUnsatisfiable", labelSelector=_LABEL_SELECTOR),
        "readinessGates": PLAIN,
        "schedulingGates": _keyed("name"),
        "resourceClaims": _keyed("name"),
        "nodeSelector": ATOMIC,
        "affinity": _struct(nodeAffinity=_NODE_AFFINITY),
    }
)
_TEMPLATE = Shape(inline=True, fields={"metadata": METADATA, "spec": replace(_POD_SPEC, inline=True)})
_STATUS = Shape(
    fields={
        "conditions": _CONDITIONS,
        "podIPs": _keyed("ip"),
        "addresses": Shape(keys=("type",)),
        "loadBalancer": Shape(inline=True),
    }
)
_SPEC = Shape(
    inline=True,
    fields={
        "ports": _keyed("port", "protocol"),
        "selector": ATOMIC,
        "template": _TEMPLATE,
        "strategy": Shape(inline=True),
        "updateStrategy": Shape(inline=True),
        "names": Shape(inline=True),
        "scaleTargetRef": Shape(inline=True),
        **_POD_SPEC.fields,
    },
)
_WEBHOOKS = Shape(
    keys=("name",),
    items=Shape(
        fields={
            "namespaceSelector": ATOMIC,
            "objectSelector": ATOMIC,
            "matchConditions": _keyed("name"),
        }
    ),
)

BUILT_IN = Shape(
    fields={
        "metadata": METADATA,
        "spec": _SPEC,
        "status": _STATUS,
        "webhooks": _WEBHOOKS,
        "secrets": Shape(keys=("name",), items=ATOMIC),
        "imagePullSecrets": Shape(keys=("name",), items=ATOMIC),
        "roleRef": ATOMIC,
        "involvedObject": ATOMIC,
    }
)
"""Good for every built-in kind: where they use the same field name they mean the same."""


def of_schema(schema: Manifest) -> Shape:
    """Return the shape that the OpenAPI schema of a custom resource describes."""
    shape = _of_schema(schema)
    return Shape(fields={**shape.fields, "metadata": METADATA}, rest=shape.rest)


def _of_schema(schema: Manifest) -> Shape:
    extra = schema.get("additionalProperties")
    kind = schema.get("x-kubernetes-list-type")
    return Shape(
        atomic=schema.get("x-kubernetes-map-type") == "atomic",
        keys=tuple(schema.get("x-kubernetes-list-map-keys") or ()) if kind == "map" else (),
        is_set=kind == "set",
        fields={name: _of_schema(part) for name, part in (schema.get("properties") or {}).items()},
        rest=_of_schema(extra) if isinstance(extra, dict) else None,
        items=_of_schema(schema["items"]) if isinstance(schema.get("items"), dict) else None,
    )
