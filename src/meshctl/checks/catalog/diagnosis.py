"""The links of the chain from the API servers to a request that is answered (MESH-2xx), cause before effect."""

from meshctl.checks.catalog.check import Check
from meshctl.checks.catalog.links_control_plane import CONTROL_PLANE
from meshctl.checks.catalog.links_gateway import GATEWAYS
from meshctl.checks.catalog.links_remote import REMOTES
from meshctl.checks.catalog.links_traffic import TRAFFIC

DIAGNOSIS: tuple[Check, ...] = tuple(
    sorted((*CONTROL_PLANE, *GATEWAYS, *REMOTES, *TRAFFIC), key=lambda check: check.code)
)
