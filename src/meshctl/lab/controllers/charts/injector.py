"""ConfigMaps of the istiod chart: mesh configuration, injection templates, and the values as a reading aid."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import yaml

from meshctl.lab.controllers.charts.metadata import Chart
from meshctl.lab.controllers.charts.values import layered
from meshctl.lab.controllers.charts.webhooks import suffixed
from meshctl.names import CONFIG_MAP
from meshctl.objects import Manifest, dig

_BUILT_IN = ("sidecar", "gateway")


@cache
def _built_in(name: str) -> str:
    return (files("meshctl.lab") / "data" / "sail" / f"{name}.tmpl").read_text(encoding="utf-8")


def _block(text: str, spaces: int) -> str:
    pad = " " * spaces
    return "".join(f"{pad}{line}\n" if line else "\n" for line in text.rstrip("\n").split("\n"))


def injection_config(templates: Mapping[str, str]) -> str:
    """Return the injector's settings as YAML; a template in `templates` takes the place of the built-in one."""
    chosen = {**{name: _built_in(name) for name in _BUILT_IN if name not in templates}, **templates}
    head = yaml.safe_dump(
        {
            "defaultTemplates": ["sidecar"],
            "policy": "enabled",
            "alwaysInjectSelector": [],
            "neverInjectSelector": [],
            "injectedAnnotations": {},
        },
        sort_keys=False,
    )
    bodies = "".join(f"  {name}: |\n{_block(text, 4)}" for name, text in chosen.items())
    return f"{head}templates:\n{bodies}"


def _mesh(values: Manifest) -> str:
    shared = values["global"]
    address = f"{suffixed('istiod', values['revision'])}.{shared['istioNamespace']}.svc:15012"
    proxy = {"discoveryAddress": address, **({"meshId": shared["meshID"]} if shared.get("meshID") else {})}
    config = {
        "defaultConfig": proxy,
        "defaultProviders": {"metrics": ["prometheus"]},
        "enablePrometheusMerge": True,
        "rootNamespace": shared["istioNamespace"],
        "trustDomain": "cluster.local",
    }
    return str(yaml.safe_dump(layered(config, values.get("meshConfig") or {}), sort_keys=True))


def _made(chart: Chart, values: Manifest, name: str, data: dict[str, str]) -> Manifest:
    labels = {
        "istio.io/rev": values["revision"] or "default",
        "operator.istio.io/component": "Pilot",
        "release": chart.release,
    }
    place = values["global"]["istioNamespace"]
    return chart.made(CONFIG_MAP, suffixed(name, values["revision"]), place, labels, data=data)


def mesh_config(chart: Chart, values: Manifest) -> Manifest:
    """Return ConfigMap `istio`."""
    return _made(chart, values, "istio", {"mesh": _mesh(values), "meshNetworks": "networks: {}\n"})


def injection(chart: Chart, values: Manifest) -> Manifest:
    """Return ConfigMap `istio-sidecar-injector`."""
    templates = dig(values, "sidecarInjectorWebhook", "templates") or {}
    shown = {"global": values["global"], "revision": values["revision"], "pilot": values.get("pilot") or {}}
    data = {"config": injection_config(templates), "values": json.dumps(shown, indent=2, sort_keys=True)}
    return _made(chart, values, "istio-sidecar-injector", data)


def shown_values(chart: Chart, values: Manifest) -> Manifest:
    """Return ConfigMap `values`, which nothing reads but people."""
    text = json.dumps(values, indent=2, sort_keys=True)
    return _made(chart, values, "values", {"original-values": text, "merged-values": text})
