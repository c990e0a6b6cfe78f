from collections.abc import Mapping
from pathlib import Path

import pytest

from meshctl.errors import SpecError
from meshctl.spec import MeshSpec
from meshctl.spec.flags import Flags
from meshctl.spec.load import load_spec

SMALLEST = "east: {context: east}\nwest: [{context: west}]\n"


def load_text(text: str, folder: Path, environ: Mapping[str, str] | None = None) -> MeshSpec:
    """Load a file of that text."""
    path = folder / "mesh.yaml"
    path.write_text(text, encoding="utf-8")
    return load_spec(Flags(file=str(path)), environ or {})


def problems_of(flags: Flags, environ: Mapping[str, str] | None = None) -> list[str]:
    """Return what loading complains of."""
    with pytest.raises(SpecError) as caught:
        load_spec(flags, environ or {})
    return list(caught.value.problems)


def problems_of_text(text: str | bytes, monkeypatch: pytest.MonkeyPatch, folder: Path, flags: Flags) -> list[str]:
    """Return what loading complains of when mesh.yaml, in the current folder, has that text."""
    (folder / "mesh.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    monkeypatch.chdir(folder)
    return problems_of(flags)
