"""YAML that programs write and read: by libyaml, where PyYAML has it, which is several times as quick as Python.

What people write goes through `meshctl.spec`, which knows the line of every mistake.
"""

from collections.abc import Iterator
from typing import Any

import yaml

_Loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


def read(text: str | bytes) -> Any:
    """Return what one document says; raise yaml.YAMLError."""
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def read_all(text: str) -> Iterator[Any]:
    """Yield what each document of a stream says; raise yaml.YAMLError."""
    yield from yaml.load_all(text, _Loader)
