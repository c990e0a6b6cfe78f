"""What the user asked for: a frozen, already valid `MeshSpec`, and the ways to read one."""

from meshctl.spec.model import (
    Cluster,
    CniOptions,
    GatewayOptions,
    ImageOptions,
    Kernel,
    MeshSpec,
    Timeouts,
)

__all__ = ["Cluster", "CniOptions", "GatewayOptions", "ImageOptions", "Kernel", "MeshSpec", "Timeouts"]
