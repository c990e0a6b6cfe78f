"""The files of a plan: which there are, what is in them, and what is not."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from meshctl.export.files import GUARD, files_of, offline_plan, slug, stage_needs, stages_of
from meshctl.export.yaml_text import yaml_text
from meshctl.objects import Manifest
from meshctl.plan import Apply
from meshctl.spec import MeshSpec
from meshctl.spec.flags import Flags
from meshctl.spec.load import load_spec

ADDRESS = "<<address of service/istio-eastwestgateway in istio-system on cluster1>>"
KUBECTL = Path(sys.executable).with_name("kubectl")


def mesh_of(*sets: str, west: tuple[str, ...] = ("west",), addresses: tuple[str, ...] = ()) -> MeshSpec:
    """Return a mesh as flags describe it."""
    return load_spec(Flags(east="east", west=west, sets=sets, gateway_addresses=addresses), {})


def listed(mesh: MeshSpec) -> list[str]:
    """Return the files of a mesh, with their stages."""
    return [f"{one.cluster}/{one.name} {one.stage}" for one in files_of(offline_plan(mesh))]


def test_the_files_of_two_clusters() -> None:
    assert listed(mesh_of()) == [
        "cluster1/01-create-the-namespaces.yaml 1",
        "cluster1/02-ask-for-the-gateways-address.yaml 2",
        "cluster1/03-install-istiocni.yaml 2",
        "cluster1/04-install-istio.yaml 2",
        "cluster1/05-create-the-east-west-gateway.yaml 3",
        "cluster1/06-expose-the-control-plane.yaml 3",
        "cluster1/07-expose-the-services.yaml 3",
        "cluster2/01-create-the-namespaces.yaml 1",
        "cluster2/02-ask-for-the-gateways-address.yaml 2",
        "cluster2/03-install-istiocni.yaml 2",
        "cluster2/04-install-istio.yaml 2",
        "cluster2/05-get-a-token-for-istiod.yaml 0",
        "cluster2/06-create-the-east-west-gateway.yaml 3",
    ]


def test_every_apply_of_the_plan_is_a_file_but_for_the_remote_secrets() -> None:
    plan = offline_plan(mesh_of("kernel=old", west=("west", "west2")))
    applies = [one for step in plan.steps for one in step.actions if isinstance(one, Apply)]
    secrets = [one for one in applies if one.template == "remote-secret.yaml"]
    files = files_of(plan)
    assert len(secrets) == 2
    assert [(one.cluster, one.manager) for one in files] == [
        (one.on, one.manager) for one in applies if one not in secrets
    ]


def test_nothing_that_is_rendered_holds_a_credential() -> None:
    for one in files_of(offline_plan(mesh_of("kernel=old"))):
        for manifest in yaml.safe_load_all(one.text):
            assert manifest["kind"] != "Secret" or not {"data", "stringData"} & set(manifest)


@pytest.mark.parametrize(
    ("sets", "addresses", "unknown"),
    [
        ((), (), {"cluster2/04-install-istio.yaml": ADDRESS}),
        ((), ("cluster1=192.0.2.7",), {}),
        (
            ("kernel=old",),
            ("east=192.0.2.7",),
            {
                "cluster1/05-adapt-the-gateway-template-to-old-kernels.yaml": "<<gateway template of "
                "configmap/istio-sidecar-injector in istio-system on cluster1, without its sysctl>>"
            },
        ),
    ],
)
def test_what_is_not_known_stands_in_brackets_and_is_guarded(
    sets: tuple[str, ...], addresses: tuple[str, ...], unknown: dict[str, str]
) -> None:
    files = {f"{one.cluster}/{one.name}": one for one in files_of(offline_plan(mesh_of(*sets, addresses=addresses)))}
    assert {name: one.unknown for name, one in files.items() if one.unknown} == {
        name: (text,) for name, text in unknown.items()
    }
    for name, one in files.items():
        for manifest in yaml.safe_load_all(one.text):
            assert (GUARD in manifest["metadata"].get("labels", {})) == (name in unknown)
        assert ("<<" in one.text) == (name in unknown)


def test_an_address_that_is_given_is_filled_in() -> None:
    files = files_of(offline_plan(mesh_of(addresses=("cluster1=192.0.2.7",))))
    istio = next(one for one in files if (one.cluster, one.title) == ("cluster2", "Install Istio"))
    assert istio.objects[0]["spec"]["values"]["global"]["remotePilotAddress"] == "192.0.2.7"


def test_stages_need_what_the_plan_needs() -> None:
    assert stage_needs(offline_plan(mesh_of())) == {
        ("cluster1", 1): (),
        ("cluster1", 2): (("cluster1", 1),),
        ("cluster1", 3): (("cluster1", 2),),
        ("cluster2", 1): (),
        ("cluster2", 2): (("cluster1", 2), ("cluster2", 1)),
        ("cluster2", 3): (("cluster1", 2), ("cluster1", 3), ("cluster2", 2)),
    }


def test_no_stage_of_a_fleet_needs_another_remote() -> None:
    plan = offline_plan(mesh_of(west=tuple(f"west{number}" for number in range(30))))
    assert len(set(stages_of(plan).values())) == 3
    for (cluster, _), needs in stage_needs(plan).items():
        assert {name for name, _ in needs} <= {"cluster1", cluster}


@pytest.mark.parametrize(
    ("title", "expected"),
    [("Ask for the gateway's address", "ask-for-the-gateways-address"), ("  A: b/c -- D! ", "a-b-c-d")],
)
def test_titles_become_names(title: str, expected: str) -> None:
    assert slug(title) == expected


def test_texts_stay_texts_in_the_yaml_of_others(tmp_path: Path) -> None:
    texts = [
        "y",
        "N",
        "on",
        "1e3",
        "0x10",
        "010",
        "1_000",
        "1:30",
        ".inf",
        "~",
        "",
        "null",
        "2001-01-01",
        "a: b",
        "# c",
    ]
    texts += [
        "<<x>>",
        "line\nline\n",
        " lead",
        "trail ",
        "ä",
        "'",
        '"',
        "{a}",
        "[a]",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "a\\n",
    ]
    data = {f"key{number}": text for number, text in enumerate(texts)}
    wanted: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "y"}, "data": data}
    (tmp_path / "all.yaml").write_text(yaml_text([wanted]))
    base = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": ["all.yaml"]}
    (tmp_path / "kustomization.yaml").write_text(yaml_text([base]))

    built = subprocess.run([KUBECTL, "kustomize", tmp_path], capture_output=True, text=True, check=True)

    assert yaml.safe_load(built.stdout) == wanted
    assert yaml.safe_load(yaml_text([wanted])) == wanted
