"""The roles of the reference grant what the commands check for: all of it, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from meshctl.checks.rights import (
    Right,
    explain_rights,
    install_rights,
    plan_rights,
    survey_rights,
    teardown_rights,
    verify_rights,
)
from meshctl.objects import dig
from meshctl.spec import Cluster, MeshSpec

ROLES = Path(__file__).parents[2] / "docs" / "reference" / "rights"
PRIMARY, REMOTE = Cluster("cluster1", "east", "network1"), Cluster("cluster2", "west", "network2")
MESH = MeshSpec(PRIMARY, (REMOTE,))


def granted(name: str) -> Iterator[Right]:
    """Yield every right in a file of roles."""
    for obj in yaml.safe_load_all((ROLES / name).read_text(encoding="utf-8")):
        for rule in obj.get("rules") or ():
            for group, resource, verb in (
                (group, resource, verb)
                for group in rule["apiGroups"]
                for resource in rule["resources"]
                for verb in rule["verbs"]
            ):
                for called in rule.get("resourceNames") or [""]:
                    yield Right(verb, group, resource, dig(obj, "metadata", "namespace") or "", called)


@pytest.mark.parametrize(("name", "cluster"), [("primary.yaml", PRIMARY), ("remote.yaml", REMOTE)])
def test_the_roles_grant_what_is_checked_for(name: str, cluster: Cluster) -> None:
    commands = install_rights(MESH, cluster) | verify_rights(MESH) | teardown_rights(MESH, cluster)
    judging = survey_rights(MESH, cluster) | explain_rights(MESH, cluster)
    assert set(granted(name)) == commands | plan_rights(MESH, cluster) | judging


@pytest.mark.parametrize("name", ["primary.yaml", "remote.yaml"])
def test_every_role_is_bound_in_its_own_place(name: str) -> None:
    objects = list(yaml.safe_load_all((ROLES / name).read_text(encoding="utf-8")))
    places = {
        kind: [dig(obj, "metadata", "namespace") for obj in objects if obj["kind"].removeprefix("Cluster") == kind]
        for kind in ("Role", "RoleBinding")
    }
    assert places["Role"] == places["RoleBinding"]
    assert all(dig(obj, "roleRef", "name") == "meshctl" for obj in objects if obj["kind"].endswith("Binding"))
