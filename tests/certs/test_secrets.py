"""The Secret, there and back, and what applying it to a cluster would do."""

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from meshctl.certs.check import root_fingerprints
from meshctl.certs.material import Material, concatenated
from meshctl.certs.secrets import Act, manifest_of, material_of, plan_apply
from meshctl.objects import Manifest

from .forge import fast_root, sound


def stored(material: Material, **more: Any) -> Manifest:
    """What the API server gives back."""
    manifest = manifest_of(material) | more
    return manifest | {"metadata": manifest["metadata"] | {"uid": "1", "resourceVersion": "7"}}


def as_tls(material: Material) -> Manifest:
    parts = {"tls.crt": material.ca_cert, "tls.key": material.ca_key, "ca.crt": material.root_cert}
    return stored(material, type="kubernetes.io/tls", data=encoded(parts))


def encoded(parts: dict[str, bytes]) -> dict[str, str]:
    return {name: b64encode(pem).decode() for name, pem in parts.items()}


def test_the_manifest_is_the_guides() -> None:
    material = sound()
    manifest = manifest_of(material)
    assert manifest == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "cacerts", "namespace": "istio-system"},
        "type": "Opaque",
        "data": encoded(material.parts),
    }
    assert sorted(manifest["data"]) == ["ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem"]


def test_there_and_back() -> None:
    material = sound()
    assert material_of(stored(material)) == material
    assert material_of(as_tls(material)).parts == material.parts


@pytest.mark.parametrize("secret", [None, {}, {"data": None}, {"data": {"ca-cert.pem": "not base64!"}}])
def test_nothing_to_read_is_empty_material(secret: Manifest | None) -> None:
    assert material_of(secret).empty


def test_a_missing_secret_is_created() -> None:
    wanted = sound()
    plan = plan_apply(None, wanted)
    assert (plan.act, plan.manifest) == (Act.CREATE, manifest_of(wanted))


def test_the_same_content_is_nothing_to_do_whatever_its_form() -> None:
    wanted = sound()
    windows = replace(wanted, root_cert=wanted.root_cert.replace(b"\n", b"\r\n"), ca_key=wanted.ca_key + b"\n")
    for existing in (stored(wanted), stored(windows), as_tls(wanted)):
        plan = plan_apply(existing, wanted, force=True)
        assert (plan.act, plan.manifest) == (Act.NOTHING, None)


def test_another_root_is_refused_with_both_fingerprints() -> None:
    there, wanted = sound(), sound()
    plan = plan_apply(stored(there), wanted)
    assert (plan.act, plan.manifest) == (Act.REFUSE, None)
    for material in (there, wanted):
        [fingerprint] = root_fingerprints(material)
        assert f"SHA-256 {':'.join(fingerprint[i : i + 2].upper() for i in range(0, 16, 2))}…" in plan.text
    assert "--force" in plan.text


def test_another_root_with_force_says_what_to_restart() -> None:
    wanted = sound()
    plan = plan_apply(stored(sound()), wanted, force=True)
    assert (plan.act, plan.manifest) == (Act.UPDATE, manifest_of(wanted))
    assert "restart istiod" in plan.text


def test_one_root_more_is_another_root() -> None:
    root = fast_root()
    there = sound("cluster1", root)
    wanted = replace(there, root_cert=concatenated(root.cert, fast_root().cert))
    assert plan_apply(stored(there), wanted).act is Act.REFUSE


def test_a_new_intermediate_keeps_the_bytes_of_the_root() -> None:
    root = fast_root()
    there = sound("cluster1", root)
    there = replace(there, root_cert=b"# our root\n" + there.root_cert)
    wanted = sound("cluster1", root)
    plan = plan_apply(stored(there), wanted)
    assert plan.act is Act.UPDATE
    assert plan.manifest is not None
    assert material_of(plan.manifest) == replace(wanted, root_cert=there.root_cert)


def test_a_key_in_a_public_part_is_taken_out() -> None:
    wanted = sound()
    there = replace(wanted, root_cert=wanted.root_cert + wanted.ca_key)
    plan = plan_apply(stored(there), wanted)
    assert (plan.act, plan.manifest) == (Act.UPDATE, manifest_of(wanted))


def test_an_empty_secret_is_filled_and_a_broken_one_needs_force() -> None:
    wanted = sound()
    assert plan_apply(stored(wanted, data=None), wanted).act is Act.UPDATE
    broken = stored(replace(wanted, root_cert=b""))
    plan = plan_apply(broken, wanted)
    assert plan.act is Act.REFUSE
    assert "none that can be read there" in plan.text
    assert plan_apply(broken, wanted, force=True).act is Act.UPDATE


def test_a_missing_chain_is_completed() -> None:
    wanted = sound()
    assert plan_apply(stored(replace(wanted, cert_chain=b"")), wanted).act is Act.UPDATE


def test_what_an_apply_cannot_change_is_made_anew() -> None:
    root = fast_root()
    there, wanted = sound("cluster1", root), sound("cluster1", root)
    data = manifest_of(there)["data"]
    for existing in (
        as_tls(there),
        stored(there, immutable=True),
        stored(there, data=data | {"istio-generated": ""}),
        stored(there, data=data | {"ca-crl.pem": "eA=="}, immutable=True),
    ):
        plan = plan_apply(existing, wanted)
        assert plan.act is Act.RECREATE
        assert plan.manifest is not None
        assert material_of(plan.manifest).ca_cert == wanted.ca_cert
        assert ("ca-crl.pem" in plan.text) == ("ca-crl.pem" in existing["data"])


def test_a_revocation_list_alone_stays_where_it_is() -> None:
    root = fast_root()
    there = sound("cluster1", root)
    existing = stored(there, data=manifest_of(there)["data"] | {"ca-crl.pem": "eA=="})
    assert plan_apply(existing, sound("cluster1", root)).act is Act.UPDATE


def test_a_bundle_that_istiod_made_is_replaced_even_with_the_same_certificates() -> None:
    wanted = sound()
    existing = stored(wanted, data=manifest_of(wanted)["data"] | {"istio-generated": ""})
    assert plan_apply(existing, wanted).act is Act.RECREATE


def test_neither_text_nor_repr_shows_a_key() -> None:
    there, wanted = sound(), sound()
    for existing in (None, stored(there), stored(wanted), as_tls(there)):
        for force in (False, True):
            shown = repr(plan_apply(existing, wanted, force=force))
            for material in (there, wanted):
                assert encoded({"key": material.ca_key})["key"] not in shown
                assert material.ca_key.decode().split("\n")[1] not in shown
