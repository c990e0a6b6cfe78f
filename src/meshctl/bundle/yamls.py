"""Objects and settings as YAML, for people: long texts stay whole and readable."""

from collections.abc import Iterable

import yaml

from meshctl.bundle.cleaning import cleaned
from meshctl.objects import Manifest


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such, and everything as often as it is there."""

    def ignore_aliases(self, data: object) -> bool:
        """Write no `&anchors`: readers search for what they look at."""
        del data
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def as_yaml(objects: Iterable[Manifest]) -> str:
    """Return objects as kubectl would show them, as far as they may be shown."""
    return dump({"apiVersion": "v1", "kind": "List", "items": [cleaned(one) for one in objects]})


def dump(value: object) -> str:
    """Return data as YAML."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=2**31, allow_unicode=True)
