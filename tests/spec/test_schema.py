import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from meshctl.spec import Timeouts
from meshctl.spec.environment import VARIABLES
from meshctl.spec.fields import MESH, TIMEOUTS_ABOUT
from meshctl.spec.flags import Flags
from meshctl.spec.load import load_spec
from meshctl.spec.places import spell
from meshctl.spec.schema import file_schema

from .loading import SMALLEST, problems_of_text

EXAMPLES = sorted((Path(__file__).parents[2] / "docs" / "reference" / "mesh-file").glob("*.yaml"))
SCHEMA = Draft202012Validator(file_schema())


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(file_schema())


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_documented_example_is_accepted_by_schema_and_loader(path: Path) -> None:
    SCHEMA.validate(yaml.safe_load(path.read_text()))
    by_flags = Flags(file=str(path), east="east", west=("west",)) if path.stem == "contexts-by-flag" else None
    load_spec(by_flags or Flags(file=str(path)), {})


def keys_of(schema: dict[str, Any]) -> set[str]:
    return set(schema["properties"])


def test_everything_shows_every_key() -> None:
    (path,) = [path for path in EXAMPLES if path.stem == "everything"]
    data = yaml.safe_load(path.read_text())
    schema = file_schema()
    assert set(data) == keys_of(schema)
    for key in ("east", "cni", "gateway", "images", "timeouts"):
        assert set(data[key]) == keys_of(schema["properties"][key])
    assert set(data["west"][0]) == keys_of(schema["properties"]["west"]["items"])


REFUSED_BY_BOTH = [
    "colour: blue",
    "meshId: a",
    "meshID: 7",
    "meshID: ''",
    "apiVersion: v1",
    "kind: Pod",
    "istioVersion: 1.28",
    "istioVersion: '1.28'",
    "istioVersion: v1.28-latest",
    "kubeconfig: ' '",
    "cni: {confDir: etc}",
    "cni: {confDir: /}",
    "cni: {confdir: /etc}",
    "cni: {excludeNamespaces: kube-system}",
    "cni: {excludeNamespaces: [A]}",
    "cni: {excludeNamespaces: [a, a]}",
    "cni: {values: {cni: {cniConfDir: /x}}}",
    "gateway: {infraNodes: 1}",
    "gateway: {annotations: {a: 1}}",
    "gateway: {annotations: {a b: c}}",
    "gateway:",
    "images: {tag: x}",
    "images: {hub: 'https://r'}",
    "images: {pullSecrets: [A_b]}",
    "istio: {values: []}",
    "istio: {values: {profile: x}}",
    "istio: {values: {gateways: {}}}",
    "istio: {values: {global: {network: x}}}",
    "istio: {values: {global: {multiCluster: {clusterName: x}}}}",
    "kernel: modern",
    "sampleNamespace: A",
    "timeouts: {cni: 0}",
    "timeouts: {cni: -1}",
    "timeouts: {cni: 86401}",
    "timeouts: {cni: 0s}",
    "timeouts: {cni: soon}",
    "timeouts: {cni: true}",
    "timeouts: {cin: 5m}",
]
REFUSED_CLUSTERS = [
    "contxt: x",
    "context: ''",
    "context: x, clusterName: A",
    "context: x, network: a/b",
    "context: x, server: 'http://h'",
    "context: x, server: 'https://h/path'",
    "context: x, server: 'https://u:p@h'",
    "context: x, gatewayAddress: lb.example.com",
    "context: x, gatewayAddress: 7",
    "context: x, cni: {excludeNamespaces: [a]}",
    "context: x, gateway: {infraNodes: true}",
    "context: x, istio: {values: {revision: x}}",
]


@pytest.mark.parametrize(
    "text",
    [
        *(f"{SMALLEST}{text}\n" for text in REFUSED_BY_BOTH),
        *(f"east: {{{text}}}\nwest: [{{context: west}}]\n" for text in REFUSED_CLUSTERS),
        *(f"east: {{context: east}}\nwest: [{{{text}}}]\n" for text in REFUSED_CLUSTERS),
        "east: east\nwest: [{context: west}]\n",
        "east: {context: east}\nwest: {context: west}\n",
        "[]",
    ],
)
def test_what_is_wrong_in_itself_is_refused_by_schema_and_loader(
    text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert not SCHEMA.is_valid(yaml.safe_load(text))
    assert problems_of_text(text, monkeypatch, tmp_path, Flags(file="mesh.yaml"))


def test_every_key_is_described_and_shut() -> None:
    def walk(schema: dict[str, Any]) -> None:
        if schema.get("additionalProperties") is False:
            for key, inner in schema["properties"].items():
                assert inner["description"], key
                walk(inner)
                walk(inner.get("items", {}))

    walk(file_schema())


def test_the_defaults_of_the_schema_are_the_loaders() -> None:
    properties = file_schema()["properties"]
    text = {key: inner["default"] for key, inner in properties.items() if "default" in inner}
    text["timeouts"] = {key: inner["default"] for key, inner in properties["timeouts"]["properties"].items()}
    text["cni"] = {
        key: inner["default"] for key, inner in properties["cni"]["properties"].items() if "default" in inner
    }
    # JSON is YAML, except that plain texts are taken as they are.
    sets = tuple(f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in text.items())
    two = Flags(east="east", west=("west",))
    assert load_spec(dataclasses.replace(two, sets=sets), {}) == load_spec(two, {})


def test_every_timeout_is_described() -> None:
    assert [*TIMEOUTS_ABOUT] == [field.name for field in dataclasses.fields(Timeouts)]


def test_every_variable_is_described_and_leads_to_a_field() -> None:
    assert len({variable.name for variable in VARIABLES}) == len(VARIABLES)
    for variable in VARIABLES:
        assert variable.about
        assert variable.sets == spell(variable.keys)
        if variable.keys:
            assert MESH.field(str(variable.keys[0]))
