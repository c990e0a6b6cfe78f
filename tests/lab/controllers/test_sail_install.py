"""What is on a cluster before anybody installs a mesh."""

import asyncio

import pytest

from meshctl.lab.controllers.sail_crds import istio_crds, multus_crd, sail_crds
from meshctl.lab.controllers.sail_install import image_annotations, install_operator, operator_objects
from meshctl.lab.controllers.sail_versions import build
from meshctl.lab.delays import Delays
from meshctl.lab.faults import Fault, Faults
from meshctl.lab.sites import Flavour, Site, World
from meshctl.names import CRD, DEPLOYMENT
from meshctl.objects import Manifest, Ref, dig
from tests.lab.fake_api import FakeCluster


def world(*faults: str, flavour: Flavour = Flavour.VENDOR) -> World:
    cluster = FakeCluster()
    site = Site("east", "172.18.1.1", cluster.api)
    return World((site,), Delays(speed=0), Faults([Fault(name) for name in faults]), flavour)


def enum_of(where: World, plural: str) -> list[str]:
    crd = next(c for c in sail_crds(build(where, where.sites[0])) if c["spec"]["names"]["plural"] == plural)
    path = ("spec", "versions", 0, "schema", "openAPIV3Schema", "properties", "spec", "properties", "version", "enum")
    return list(dig(crd, *path))


OLD = ["v1.28-latest", "v1.28.3", "v1.28.1", "v1.26-latest", "v1.26.3", "v1.24-latest", "v1.24.6"]


@pytest.mark.parametrize(
    ("faults", "offered", "installable"),
    [
        ((), True, True),
        (("old-crd",), False, False),
        (("crd-ahead",), True, False),
        (("old-crd", "crd-ahead"), True, False),
    ],
)
def test_versions_of_the_vendor(faults: tuple[str, ...], offered: bool, installable: bool) -> None:
    where = world(*faults)
    wanted = ["v1.28-latest", "v1.28.6", *OLD[1:]] if offered else OLD
    assert enum_of(where, "istios") == enum_of(where, "istiocnis") == wanted
    assert enum_of(where, "istiorevisions") == [v for v in wanted if not v.endswith("latest")]
    installed = build(where, where.sites[0])
    assert installed.resolve("v1.28.6") == ("v1.28.6" if installable else "")
    assert ("images.v1_28_6.istiod" in image_annotations(installed)) == installable
    assert installed.resolve("v1.28-latest") == ("v1.28.6" if installable else "v1.28.3")
    assert installed.resolve("v1.24.6") == ""


def test_versions_of_upstream() -> None:
    installed = build(world(flavour=Flavour.UPSTREAM), world().sites[0])
    assert installed.resolve("v1.28.6") == "v1.28.6"
    assert installed.chart_version("v1.28.6") == "1.28.6"
    assert not build(world("old-crd", flavour=Flavour.UPSTREAM), world().sites[0]).resolve("v1.28.6")


def test_the_description_names_what_can_be_installed() -> None:
    where = world()
    spec = ("spec", "versions", 0, "schema", "openAPIV3Schema", "properties", "spec", "properties", "version")
    text = dig(sail_crds(build(where, where.sites[0]))[0], *spec)["description"]
    _, _, listed = text.partition("Must be one of: ")
    assert "v1.28.6" in listed
    assert "v1.24.6" not in listed


@pytest.mark.parametrize(
    ("flavour", "name"), [(Flavour.VENDOR, "servicemesh-operator2"), (Flavour.UPSTREAM, "sail-operator")]
)
def test_the_operators_deployment(flavour: Flavour, name: str) -> None:
    where = world(flavour=flavour)
    deployment = operator_objects(build(where, where.sites[0]))[-1]
    assert deployment["metadata"]["name"] == name
    labels = deployment["metadata"]["labels"]
    assert labels["app.kubernetes.io/component"] == "sail-operator"
    assert labels["control-plane"] == name


def test_structural_schemas() -> None:
    where = world()
    for crd in (*sail_crds(build(where, where.sites[0])), *istio_crds(), multus_crd()):
        stored = [version for version in crd["spec"]["versions"] if version["storage"]]
        assert len(stored) == 1
        assert crd["metadata"]["name"] == f"{crd['spec']['names']['plural']}.{crd['spec']['group']}"
        for version in crd["spec"]["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            assert schema["type"] == "object"
            assert not typeless(schema)


def typeless(schema: Manifest) -> list[Manifest]:
    children = [*(schema.get("properties") or {}).values(), *([schema["items"]] if "items" in schema else [])]
    return [s for s in (schema,) if "type" not in s] + [bad for child in children for bad in typeless(child)]


def test_istios_gateways_are_served_in_three_versions() -> None:
    gateway = next(crd for crd in istio_crds() if crd["spec"]["names"]["plural"] == "gateways")
    assert [v["name"] for v in gateway["spec"]["versions"]] == ["v1", "v1beta1", "v1alpha3"]


def test_prerequisites_follow_the_faults() -> None:
    async def told() -> None:
        where = world("operator-absent", "multus-missing")
        site = where.sites[0]
        api = site.api("test")

        async def there() -> set[str]:
            await install_operator(where, site)
            return {obj["metadata"]["name"] for obj in await api.list(CRD)}

        assert await there() == set()
        where.faults.set([])
        everything = await there()
        assert {"istios.sailoperator.io", "gateways.networking.istio.io"} <= everything
        assert "network-attachment-definitions.k8s.cni.cncf.io" in everything
        operator = Ref(DEPLOYMENT, "servicemesh-operator2", "sail-operator")
        where.faults.set([Fault("old-crd"), Fault("multus-missing")])
        assert "network-attachment-definitions.k8s.cni.cncf.io" not in await there()
        old = await api.get(operator)
        template = ("spec", "template", "metadata", "annotations")
        assert "images.v1_28_6.istiod" not in dig(old, *template)
        assert "images.v1_28_3.istiod" in dig(old, *template)
        before = await api.get(operator)
        await there()
        assert await api.get(operator) == before
        where.faults.set([Fault("operator-crashing")])
        await there()
        volumes = ("spec", "template", "spec", "volumes")
        assert dig(await api.get(operator), *volumes, 0, "secret", "secretName") == "servicemesh-operator2-serving-cert"
        where.faults.set([])
        await there()
        assert dig(await api.get(operator), *volumes) == []
        where.faults.set([Fault("operator-absent")])
        assert not {"istios.sailoperator.io"} & await there()
        assert await api.get(operator) is None

    asyncio.run(told())
