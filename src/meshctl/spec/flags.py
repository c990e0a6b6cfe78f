"""What the command line may say about the mesh, as plain data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flags:
    """The options as typed; None and () stand for options that were not given.

    `sets` holds `path=value`, `servers` holds `NAME=URL` and `gateway_addresses` `NAME=IP`, where NAME is a cluster's
    name or its context.
    """

    east: str | None = None
    west: tuple[str, ...] = ()
    kubeconfig: str | None = None
    file: str | None = None
    sets: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    gateway_addresses: tuple[str, ...] = ()
