"""What stands in the way of an install: missing rights, the wrong clusters, missing certificates."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from meshctl.names import CACERTS
from meshctl.objects import Manifest
from tests.world.harness import MESH, LabUnderTest
from tests.world.settling import settled

ROLES = Path(__file__).parents[2] / "docs" / "reference" / "rights"
FILES = {"east": "primary.yaml", "west": "remote.yaml"}
ACCOUNT = {"kind": "ServiceAccount", "name": "meshctl", "namespace": "default"}


def grant(mesh: LabUnderTest, context: str, without: str = "") -> None:
    """Apply the roles of the reference, for a service account, but for what is about one resource."""
    objects = list(yaml.safe_load_all((ROLES / FILES[context]).read_text(encoding="utf-8")))
    granted = [
        {**obj, "subjects": [ACCOUNT]} if "subjects" in obj else {**obj, **rules(obj, without)} for obj in objects
    ]
    mesh.kubectl(context, "apply", "-f", "-", stdin=yaml.safe_dump_all(granted))


def rules(obj: Manifest, without: str) -> Manifest:
    """Return a role's rules without one resource."""
    lists = ((rule, [one for one in rule["resources"] if one != without]) for rule in obj.get("rules") or ())
    left = [{**rule, "resources": resources} for rule, resources in lists if resources]
    return {"rules": left} if left else {}


def sign_in(mesh: LabUnderTest) -> str:
    """Return a kubeconfig for the service account on both clusters."""
    config = yaml.safe_load(mesh.kubeconfig.read_text(encoding="utf-8"))
    for context in FILES:
        mesh.kubectl(context, "-n", ACCOUNT["namespace"], "create", "serviceaccount", ACCOUNT["name"])
        token = mesh.kubectl(context, "-n", ACCOUNT["namespace"], "create", "token", ACCOUNT["name"]).strip()
        user = next(one["context"]["user"] for one in config["contexts"] if one["name"] == context)
        config["users"] = [one for one in config["users"] if one["name"] != user]
        config["users"].append({"name": user, "user": {"token": token}})
    path = mesh.folder / "account"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return str(path)


def missing(text: str, cluster: str) -> Iterator[str]:
    """Yield the rights that are said to be missing on a cluster."""
    for listed in re.findall(rf"{cluster}: no permission to (.*?)(?: \[\S+\])?$", text, re.MULTILINE):
        yield from listed.split("; ")


def test_missing_rights_are_listed_and_with_the_roles_of_the_reference_all_goes_well(mesh: LabUnderTest) -> None:
    kubeconfig = sign_in(mesh)
    grant(mesh, "east")
    grant(mesh, "west", without="secrets")
    wanted = {f"{verb} secrets in istio-system" for verb in ("get", "list", "watch", "create", "patch")}

    refused = settled(
        lambda: mesh.meshctl("install", *MESH, KUBECONFIG=kubeconfig),
        lambda result: set(missing(result.err, "cluster2")) == wanted and "cluster1:" not in result.err,
    )
    assert refused.code == 3, refused.said
    assert "nothing was written" in refused.err
    assert set(missing(refused.err, "cluster2")) == wanted
    assert set(missing(refused.err, "cluster1")) == set()
    assert mesh.writes() == []

    grant(mesh, "west")
    done = settled(lambda: mesh.meshctl("install", *MESH, KUBECONFIG=kubeconfig), lambda result: result.code != 3)
    assert done.code == 0, done.said
    verified = mesh.meshctl("verify", *MESH, KUBECONFIG=kubeconfig)
    assert verified.code == 0, verified.said


def test_the_same_cluster_by_two_addresses(mesh: LabUnderTest) -> None:
    config = yaml.safe_load(mesh.kubeconfig.read_text())
    entries = {kind: next(e for e in config[kind] if e["name"] == "east") for kind in ("clusters", "contexts")}
    there = entries["clusters"]["cluster"]
    another = {"server": there["server"].replace("127.0.0.1", "localhost"), "tls-server-name": "127.0.0.1"}
    config["clusters"].append({"name": "elsewhere", "cluster": {**there, **another}})
    context = {**entries["contexts"]["context"], "cluster": "elsewhere"}
    config["contexts"].append({"name": "elsewhere", "context": context})
    mesh.kubeconfig.write_text(yaml.safe_dump(config))

    refused = mesh.meshctl("install", "--east", "east", "--west", "elsewhere")

    assert refused.code == 3, refused.said
    assert "cluster2: is the same cluster as cluster1" in refused.err
    assert mesh.writes() == []


def certificate_commands(text: str) -> list[str]:
    """Return the commands that a message says to run, one after the other."""
    found = re.findall(r"meshctl certs .*", text)
    return [command.strip() for line in dict.fromkeys(found) for command in line.split("&&")]


def run_as_said(mesh: LabUnderTest, line: str) -> "subprocess.CompletedProcess[str]":
    """Run a command line as a user's shell does."""
    found = shutil.which("bash")
    assert found is not None
    path = f"{Path(sys.executable).parent}:{mesh.environ['PATH']}"
    return subprocess.run(
        [found, "-c", line],
        env={**mesh.environ, "PATH": path},
        cwd=mesh.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_commands_that_install_names_for_missing_certificates_cure_it(lab: LabUnderTest) -> None:
    # On real API servers webhooks are called at a URL whose certificate is as old as the lab that is attached to them.
    # West keeps its own, which cannot stay: nobody has the root that a new one for east would have to come from.
    lab.kubectl("east", "-n", CACERTS.namespace, "delete", "secret", CACERTS.name)

    refused = lab.install()
    assert refused.code == 3, refused.said
    assert lab.writes() == []
    commands = certificate_commands(refused.err)
    assert [command.split()[:3] for command in commands] == [
        ["meshctl", "certs", "generate"],
        ["meshctl", "certs", "apply"],
    ], refused.said

    # The first one again: whoever has the certificates, from another day, loses nothing by doing as told.
    for command in (commands[0], *commands):
        done = run_as_said(lab, command)
        assert done.returncode == 0, done.stdout + done.stderr
    checked = lab.meshctl("certs", "check", *MESH)
    assert checked.code == 0, checked.said
    installed = lab.install()
    assert installed.code == 0, installed.said
