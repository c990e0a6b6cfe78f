"""Support bundles: complete, readable without meshctl, and without a single secret, wherever one was put."""

import base64
import html
import io
import json
import re
import signal
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from meshctl.names import CONFIG_MAP, EVENT, GATEWAY_SERVICE, ISTIO_SYSTEM, POD, READER_TOKEN, SECRET, THE_ISTIO
from meshctl.objects import dig
from tests.conftest import StartLab
from tests.labs import ThreadLab
from tests.world import needles
from tests.world.conftest import NewLab
from tests.world.harness import MESH, SECONDS, LabUnderTest

SHORT = [word for name in ("istio", "gateway", "expose") for word in ("--set", f"timeouts.{name}=2s")]
JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJzdWIiOiJzeXN0ZW06YWRtaW4ifQ.dGhpcy1pcy1ub3QtYS1yZWFsLXNpZ25hdHVyZQ"
PLANTED = {
    "pull secret": "pull-7Zq2Wn4vTk9LxB3mRs8Y",
    "environment": "env-5Hj7Kd2Fp9Qw3Zx6Cv1N",
    "log": "log-8Bn4Mt6Vc2Xz9Lk5Jh3G",
    "event": "evt-3Gf6Ds8Aq1We5Rt7Yu9I",
    "last-applied": "lap-9Ik2Uj4Yh6Tg8Rf1Ed3W",
    "config map": "map-1Qa3Ws5Ed7Rf9Tg2Yh4U",
    "annotation": "ann-6Uj8Ik1Ol3Pq5Zx7Cv9B",
    "helm value": "hlm-4Rf6Tg8Yh1Uj3Ik5Ol7P",
    "argument": "arg-2Ws4Ed6Rf8Tg1Yh3Uj5I",
    "user": "usr-7Yh9Uj2Ik4Ol6Pz8Xc1V",
}


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What is in an archive: texts by path below its top folder."""

    top: str
    files: dict[str, str]

    def missing(self) -> dict[str, str]:
        return {one["path"]: one["reason"] for one in json.loads(self.files["index.json"])["missing"]}


def unpacked(path: Path) -> Unpacked:
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as archive:
        found = {}
        for member in archive.getmembers():
            content = archive.extractfile(member)
            assert content is not None, "nothing but files"
            found[member.name] = content.read().decode()
    (top,) = {name.partition("/")[0] for name in found}
    return Unpacked(top, {name.partition("/")[2]: text for name, text in found.items()})


def plant(lab: ThreadLab, context: str = "east") -> None:
    """Put a secret wherever one may get by mistake."""
    login = json.dumps({"auths": {"registry.example": {"username": "me", "password": PLANTED["pull secret"]}}})
    in_system = {"namespace": ISTIO_SYSTEM}
    for obj in (
        {
            "apiVersion": "v1",
            "kind": SECRET.name,
            "metadata": {"name": "pull", **in_system},
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": base64.b64encode(login.encode()).decode()},
        },
        {
            "apiVersion": "v1",
            "kind": CONFIG_MAP.name,
            "metadata": {"name": "theirs", **in_system},
            "data": {"app.properties": f"db.password={PLANTED['config map']}"},
        },
        {
            "apiVersion": "v1",
            "kind": POD.name,
            "metadata": {"name": "theirs", **in_system},
            "spec": {
                "containers": [
                    {
                        "name": "app",
                        "image": "registry.example/app:1",
                        "env": [{"name": "DB", "value": PLANTED["environment"]}],
                        "args": [f"--api-key={PLANTED['argument']}"],
                    }
                ]
            },
        },
        {
            "apiVersion": "v1",
            "kind": EVENT.name,
            "metadata": {"name": "theirs", **in_system},
            "involvedObject": {"kind": "Pod", "name": "theirs", **in_system},
            "reason": "Failed",
            "type": "Warning",
            "message": f"pull with Bearer {JWT} failed, token={PLANTED['event']}",
        },
    ):
        lab.create(context, obj)
    applied = json.dumps({"stringData": {"password": PLANTED["last-applied"]}})
    notes = {
        "kubectl.kubernetes.io/last-applied-configuration": applied,
        "example.com/contact": PLANTED["annotation"],
    }
    lab.merge(context, GATEWAY_SERVICE, {"metadata": {"annotations": notes}})
    lab.merge(context, THE_ISTIO, {"spec": {"values": {"pilot": {"env": {"DB_PASSWORD": PLANTED["helm value"]}}}}})


def write_logs(lab: ThreadLab, context: str = "east") -> None:
    """Let istiod say what it should not."""
    (istiod,) = [
        pod for pod in lab.all_of(context, POD, ISTIO_SYSTEM) if dig(pod, "metadata", "labels", "app") == "istiod"
    ]
    token = base64.b64decode(dig(lab.get("west", READER_TOKEN), "data", "token")).decode()
    lab.lab.logs.written[context, istiod["metadata"]["name"], "discovery"] += [
        f"authentication failed for {JWT}",
        f"remote said: no such user {token[-60:]}",
        f"connect to https://admin:{PLANTED['log']}@10.0.0.1/",
    ]


def users_kubeconfig(lab: ThreadLab) -> None:
    """Give the user credentials for something else besides, as kubeconfigs have."""
    config = yaml.safe_load(lab.kubeconfig.read_text())
    key = base64.b64encode(f"-----BEGIN EC PRIVATE KEY-----\n{PLANTED['user']}\n".encode()).decode()
    config["users"].append({"name": "other", "user": {"client-key-data": key, "password": PLANTED["user"]}})
    lab.kubeconfig.write_text(yaml.safe_dump(config))


def secrets_of(lab: ThreadLab) -> set[str]:
    found = set(PLANTED.values()) | {JWT, JWT.split(".")[1], JWT.split(".")[2]}
    for context in ("east", "west"):
        found |= needles.of_secrets(lab.all_of(context, SECRET, ISTIO_SYSTEM))
    return found | needles.of_kubeconfig(lab.kubeconfig.read_text())


def test_a_run_with_secrets_in_every_place_leaves_none_of_them_behind(start_lab: StartLab) -> None:
    lab = start_lab()
    assert lab.meshctl("install", *MESH).returncode == 0
    plant(lab)
    users_kubeconfig(lab)
    assert lab.meshctl("install", *MESH).returncode == 0  # istiod has been replaced, for its environment has changed
    write_logs(lab)
    lab.set_faults("webhook-refusing@east")

    page, out = lab.folder / "run.html", lab.folder / "ticket.tar.gz"
    failed = lab.meshctl(
        "install", *MESH, *SHORT, "-v", "--report", str(page), "--bundle-on-failure", "--bundle-dir", str(lab.folder)
    )
    assert failed.returncode == 4, failed.stderr
    made = lab.meshctl(
        "bundle", *MESH, "-v", "--out", str(out), "--set", f"istio.values.global.apiToken={PLANTED['helm value']}"
    )
    assert made.returncode == 0, made.stderr

    (automatic,) = lab.folder.glob("meshctl-bundle-*.tar.gz")
    bundle, other = unpacked(out), unpacked(automatic)
    journals = {str(path): path.read_text() for path in (lab.folder / "state" / "journals").iterdir()}
    texts = {
        **{f"bundle/{name}": text for name, text in bundle.files.items()},
        **{f"automatic/{name}": text for name, text in other.files.items()},
        **journals,
        "report": page.read_text(),
        "said": failed.stdout + failed.stderr + made.stdout + made.stderr,
    }
    secrets = secrets_of(lab)
    # What was planted is there to be found ...
    seen = json.dumps(
        [lab.all_of(context, kind) for context in ("east", "west") for kind in (POD, EVENT, SECRET, CONFIG_MAP)]
    )
    assert all(PLANTED[name] in seen for name in ("environment", "event", "config map", "argument"))
    assert len(secrets) > 100
    assert len(journals) == 3
    # ... and so are the places where it was put, told without it.
    log = next(text for name, text in bundle.files.items() if name.startswith("cluster1/logs/") and "discovery" in name)
    assert "authentication failed for <hidden>" in log
    assert "https://<hidden>@10.0.0.1/" in log
    system = "cluster1/objects/istio-system"
    assert "name: DB\n        value: <hidden>" in bundle.files[f"{system}/pods.yaml"]
    assert ".dockerconfigjson: <hidden>" in bundle.files[f"{system}/secrets.yaml"]
    assert "app.properties: <hidden>" in bundle.files[f"{system}/configmaps.yaml"]
    assert "example.com/contact: <hidden>" in bundle.files[f"{system}/services.yaml"]
    assert "DB_PASSWORD: <hidden>" in bundle.files["cluster1/objects/istios.sailoperator.io.yaml"]
    assert "apiToken: <hidden>" in bundle.files["spec.yaml"]
    assert "pull with Bearer <hidden> failed" in bundle.files["cluster1/events/istio-system.txt"]
    # Nothing of it is in any byte.
    assert needles.showing(texts, secrets) == []
    assert needles.showing({"ungzipped": "".join(bundle.files.values())}, secrets) == []


def test_it_is_complete_and_opens_without_meshctl(mesh: LabUnderTest, tmp_path: Path) -> None:
    lab, out = mesh, tmp_path / "ticket.tar.gz"
    assert lab.install().code == 0
    made = lab.meshctl("bundle", *MESH, "--out", str(out))
    assert made.code == 0, made.err
    assert made.out == f"{out}\n"
    assert stat.filemode(out.stat().st_mode) == "-rw-------"
    bundle = unpacked(out)
    assert bundle.top == "ticket"
    assert bundle.missing() == {}
    links = {html.unescape(link) for link in re.findall(r'href="([^":]+)"', bundle.files["index.html"])}
    assert links == set(bundle.files) - {"index.html", "index.json"}
    patterns = (
        r"spec.yaml", r"plan.txt", r"preflight.txt", r"diagnosis.txt", r"run/events.jsonl", r"run/timeline.(html|json)",
        r"cluster\d/conditions/istios.txt", r"cluster\d/events/istio-system.txt", r"cluster\d/operator.yaml",
        r"cluster\d/logs/istio-system/istio-eastwestgateway-[^/]+/istio-proxy.log", r"cluster\d/logs/sail-operator/.+",
        r"cluster\d/logs/istio-cni/.+/install-cni.log", r"cluster1/logs/istio-system/istiod-[^/]+/discovery.log",
        r"cluster1/istiod/istiod-[^/]+/clusterz.json", r"cluster\d/proxies/istio-eastwestgateway-[^/]+/endpoints.txt",
    )  # fmt: skip
    assert [one for one in patterns if not any(re.fullmatch(one, name) for name in bundle.files)] == []
    for name, text in bundle.files.items():
        if name.endswith(".yaml"):
            assert yaml.safe_load(text) is not None, name
        if name.endswith(".json"):
            json.loads(text)
    assert "Istio/default: Healthy" in bundle.files["cluster2/conditions/istios.txt"]
    assert "nothing is broken" in bundle.files["diagnosis.txt"]
    assert json.loads(bundle.files["run/timeline.json"])["command"] == "install"

    told = lab.meshctl("bundle", *MESH, "-o", "json", "--out", str(out))
    said = json.loads(told.out)
    assert (said["type"], said["file"], said["size"]) == ("bundle", str(out), out.stat().st_size)


def test_what_is_missing_is_named_with_its_reason(new_lab: NewLab, tmp_path: Path) -> None:
    lab, out = new_lab("--fault", "rbac-denied@east=secrets", "--fault", "expired-token@west"), tmp_path / "x.tgz"
    made = lab.meshctl("bundle", *MESH, "--out", str(out))
    assert made.code == 0, made.err
    assert "missing: cluster2/: cluster2: Unauthorized" in made.err
    bundle = unpacked(out)
    missing = bundle.missing()
    assert "forbidden" in missing["cluster1/objects/istio-system/secrets.yaml"]
    assert "Unauthorized" in missing["cluster2/"]
    assert "cluster1/objects/nodes.yaml" in bundle.files
    assert "run/events.jsonl" not in bundle.files, "nothing has run here yet"

    lab.clear()
    lab.fault("api-down@west")
    late = lab.meshctl("bundle", *MESH, "--out", str(out), "--time-limit", "2s")
    assert late.code == 0, late.err
    bundle = unpacked(out)
    assert any(path.startswith("cluster2/") for path in bundle.missing())
    assert "cluster1/version.txt" in bundle.files


def test_a_failed_run_leaves_one_and_its_own_end(new_lab: NewLab, tmp_path: Path) -> None:
    lab = new_lab("--fault", "lb-never@east")
    keep = ("--bundle-on-failure", "--bundle-dir", str(tmp_path))

    def last_line(err: str) -> Path:
        said = err.splitlines()[-1]
        assert said.startswith("support bundle: ")
        return Path(said.removeprefix("support bundle: "))

    failed = lab.install(*keep, "--set", "timeouts.address=2s", "--plain")
    assert failed.code == 4
    bundle = unpacked(last_line(failed.err))
    assert json.loads(bundle.files["run/timeline.json"])["exit_code"] == 4
    assert "the load balancer has not given an address yet" in bundle.files["run/events.jsonl"]
    assert bundle.files["index.html"].count("waited to the deadline")

    lab.fault("operator-absent@west")
    refused = lab.install(*keep)
    assert refused.code == 3
    assert "error: nothing was written" in refused.err
    assert "MESH-" in unpacked(last_line(refused.err)).files["preflight.txt"]

    lab.clear()
    for path in tmp_path.iterdir():
        path.unlink()
    assert lab.install(*keep).code == 0
    assert list(tmp_path.iterdir()) == []
    lab.fault("lb-never@west", "stuck-finalizer")
    process = lab.begin("teardown", *MESH, "--yes", "--plain", *keep)
    assert process.stderr is not None
    for line in process.stderr:
        if "being deleted" in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == [], "who interrupts wants an end"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("bundle", "--out", "ticket.zip"), "ends in none of .tar.gz, .tgz"),
        (("bundle", "--out", "no/such/folder/x.tar.gz"), "no such file or directory"),
        (("bundle", "--time-limit", "soon"), "is not a duration"),
        (("install", "--bundle-on-failure", "--bundle-dir", "no/such/folder"), "no such file or directory"),
    ],
)
def test_what_cannot_be_written_is_told_before_anything_begins(
    tmp_path: Path, words: tuple[str, ...], complaint: str
) -> None:
    clusters = [
        {"name": one, "cluster": {"server": f"https://127.0.0.1:{port}"}} for port, one in ((1, "east"), (2, "west"))
    ]
    contexts = [{"name": one, "context": {"cluster": one, "user": "u"}} for one in ("east", "west")]
    users = [{"name": "u", "user": {"token": "t"}}]
    (tmp_path / "kubeconfig").write_text(json.dumps({"clusters": clusters, "users": users, "contexts": contexts}))
    result = LabUnderTest(tmp_path).meshctl(words[0], *MESH, *words[1:])
    assert result.code == 2
    assert complaint in result.err
    assert result.err.count("\n") == 1
