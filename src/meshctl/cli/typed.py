"""The options that say which mesh, as they were typed: to be typed again in another folder."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote


@dataclass(frozen=True, slots=True)
class Typed:
    """What the command line said about the mesh; None and () where it said nothing."""

    east: str | None = None
    west: tuple[str, ...] = ()
    kubeconfig: str | None = None
    file: str | None = None
    sets: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    def whole(self) -> str:
        """Return all the words, for a shell in this folder."""
        return " ".join([*self.which(Path()), *self.reached_by(), *self.addressed()])

    def which(self, folder: Path) -> list[str]:
        """Return the words that name the mesh, for a shell in `folder`."""
        return [quote(word) for word in self._which(folder)]

    def _which(self, folder: Path) -> Iterator[str]:
        if self.east:
            yield from ("--east", self.east)
        for one in self.west:
            yield from ("--west", one)
        if self.kubeconfig:
            yield from ("--kubeconfig", seen_from(folder, self.kubeconfig))
        if self.file:
            yield from ("--file", seen_from(folder, self.file))
        for one in self.sets:
            yield from ("--set", one)

    def reached_by(self) -> list[str]:
        """Return the words that say how API servers are reached."""
        return [quote(word) for one in self.servers for word in ("--server", one)]

    def addressed(self) -> list[str]:
        """Return the words that give gateways an address."""
        return [quote(word) for one in self.addresses for word in ("--gateway-address", one)]


def typed_as(
    east: str | None,
    west: list[str] | None,
    kubeconfig: str | None,
    file: str | None,
    sets: list[str] | None,
    servers: list[str] | None = None,
    addresses: list[str] | None = None,
) -> Typed:
    """Return the options of a command as they were typed."""
    return Typed(
        east, tuple(west or ()), kubeconfig, file, tuple(sets or ()), tuple(servers or ()), tuple(addresses or ())
    )


def seen_from(folder: Path, path: str) -> str:
    """Return a path that was typed here as one types it in `folder`; absolute ones and ~ mean the same there."""
    return path if path.startswith(("/", "~")) else os.path.relpath(path, folder)
