"""Objects as YAML that every reader takes for the same: kubectl's and kustomize's YAML is older than Python's."""

import re
from collections.abc import Iterable

import yaml

from meshctl.objects import Manifest

_PLAIN = re.compile(r"[A-Za-z_/][\w./-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""What one YAML or another takes for something else than text."""


def yaml_text(objects: Iterable[Manifest]) -> str:
    """Return objects as one YAML stream, keys in the order they have."""
    return "---\n".join(
        yaml.dump(one, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True) for one in objects
    )


class _Dumper(yaml.SafeDumper):
    """Quotes every text that is not plainly one, and writes everything out instead of referring to it."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    if "\n" in text:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _text)
