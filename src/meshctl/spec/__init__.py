"""What the user asked for: a frozen, already valid `MeshSpec`, and the ways to read one."""

from meshctl.spec.model import (
    CniOptions,
    Cluster,
    GatewayOptions,
    ImageOptions,
    Kernel,
    MeshSpec,
    Timeouts,
)

__all__ = ["CniOptions", "Cluster", "GatewayOptions", "ImageOptions", "Kernel", "MeshSpec", "Timeouts"]
