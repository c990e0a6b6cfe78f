"""What preflight, explain and `--skip-check` say and do, through the command line."""

import json
import signal
import subprocess
import sys

import pytest

from meshctl.checks.preflight.probes import url_pod
from meshctl.spec import Cluster, MeshSpec
from tests.conftest import StartLab
from tests.world.commands import Result
from tests.world.conftest import NewLab
from tests.world.harness import MESH, LabUnderTest
from tests.world.settling import settled


def reach() -> tuple[str, str]:
    """Return the option that says how pods of the primary reach West, for the lab's kubeconfig says 127.0.0.1."""
    return "--server", "cluster2=https://172.18.2.2:6443"


def test_a_healthy_lab_is_ready_and_nothing_is_written(lab: LabUnderTest) -> None:
    since = lab.asked("requests")["next"]
    done = lab.meshctl("preflight", *MESH, *reach())
    assert done.code == 0, done.said
    assert "ready to install (" in done.out
    assert "✗" not in done.out
    assert "!" not in done.out
    entries = lab.asked("requests", since)["entries"]
    sent = [one for one in entries if str(one["agent"]).startswith("meshctl")]
    writes = [
        one
        for one in sent
        if one["method"] != "GET" and "review" not in one["path"] and one["query"].get("dryRun") != "All"
    ]
    assert writes == []
    assert f"({len(sent)} requests to 2 clusters" in done.out


@pytest.mark.parametrize(
    ("options", "remotes"),
    [
        pytest.param((), ("west",), id="vendor"),
        pytest.param(("--operator", "upstream"), ("west",), id="upstream"),
        pytest.param(("--remotes", "3"), ("west", "west2", "west3"), id="three remotes"),
    ],
)
def test_there_is_no_false_alarm_before_an_install_nor_after_it(
    new_lab: NewLab, options: tuple[str, ...], remotes: tuple[str, ...]
) -> None:
    lab = new_lab(*options)
    mesh = ("--east", "east", *(word for remote in remotes for word in ("--west", remote)))
    servers = tuple(
        word
        for number, _ in enumerate(remotes, 2)
        for word in ("--server", f"cluster{number}=https://172.18.{number}.2:6443")
    )
    assert findings(lab, *mesh, *servers) == []
    installed = lab.meshctl("install", *mesh)
    assert installed.code == 0, installed.said
    # What istiod uses needs no second look, wherever it came from.
    assert findings(lab, *mesh) == []
    removed = lab.meshctl("teardown", *mesh, "--yes", "--keep-certificates")
    assert removed.code == 0, removed.said
    assert findings(lab, *mesh, *servers) == []


def findings(lab: LabUnderTest, *options: str) -> list[tuple[str, str]]:
    done = lab.meshctl("preflight", *options, "-o", "json")
    assert done.code in (0, 3), done.said
    return [(one["code"], one["text"]) for one in json.loads(done.out)["findings"]]


def test_every_cluster_is_in_one_report(lab: LabUnderTest) -> None:
    lab.fault("wrong-root@west", "old-crd@east", "rbac-denied@west=nodes")
    done = lab.meshctl("preflight", *MESH, *reach(), "-o", "json")
    assert done.code == 3, done.said
    report = json.loads(done.out)
    found = {(one["cluster"], one["code"]) for one in report["findings"]}
    assert found == {("cluster1", "MESH-122"), ("cluster2", "MESH-110"), ("cluster2", "MESH-166")}
    assert "<testsuite " in lab.meshctl("preflight", *MESH, *reach(), "-o", "junit").out


def test_install_refuses_what_preflight_finds_and_a_skipped_check_is_told(lab: LabUnderTest) -> None:
    lab.fault("wrong-root@west")
    refused = lab.install()
    assert refused.code == 3, refused.said
    assert "another root than cluster1" in refused.err
    assert "[MESH-166]" in refused.err
    looked = lab.meshctl("preflight", *MESH, *reach(), "--skip-check", "mesh-166")
    assert looked.code == 0, looked.said
    assert "skipped: MESH-166 (a cluster has another root)" in looked.out
    done = lab.install("--skip-check", "MESH-166", "--skip-check", "MESH-170")
    assert done.code == 0, done.said
    assert "skipped: cluster2: another root than cluster1" in done.err
    assert "skipped: a certificate in cacerts is unfit [MESH-170]: no" in done.err


def test_a_cluster_that_does_not_answer_hides_nothing_of_the_others(lab: LabUnderTest) -> None:
    lab.fault("api-down@west", "operator-crashing@east")
    done = lab.meshctl("preflight", *MESH, "--set", "timeouts.contact=1s")
    assert done.code == 3, done.said
    assert "did not answer" in done.out
    for code in ("[MESH-101]", "[MESH-121]"):
        assert code in done.out


PROBES = ("--probe-from-primary", "--probe-load-balancer")


def probes_left(lab: LabUnderTest) -> str:
    return "".join(
        lab.kubectl(context, "get", "pods,services", "-n", "default", "-l", "meshctl.io/probe", "-o", "name")
        for context in ("east", "west")
    )


def test_probes_prove_what_else_is_doubted_and_leave_nothing(lab: LabUnderTest) -> None:
    doubted = lab.meshctl("preflight", *MESH)
    assert "[MESH-181]" in doubted.out
    done = lab.meshctl("preflight", *MESH, *PROBES, "-o", "json")
    assert done.code == 0, done.said
    report = json.loads(done.out)
    assert report["findings"] == []
    made = {one["code"]: one["result"] for one in report["checks"]}
    assert made["MESH-150"] == made["MESH-188"] == made["MESH-189"] == "passed"
    assert probes_left(lab) == ""


def test_probes_that_fail_say_so_and_leave_nothing(lab: LabUnderTest) -> None:
    lab.fault("api-hidden@west", "lb-never@east")
    done = lab.meshctl("preflight", *MESH, *PROBES, *reach(), "--set", "timeouts.address=1s", "-o", "json")
    assert done.code == 3, done.said
    findings = json.loads(done.out)["findings"]
    assert [(one["code"], one["cluster"]) for one in findings] == [("MESH-150", "cluster1"), ("MESH-188", "cluster2")]
    assert "pods of cluster1 do not reach https://172.18.2.2:6443" in findings[1]["text"]
    assert findings[1]["evidence"][0].startswith("curl: (28) ")
    assert probes_left(lab) == ""


def test_a_probe_that_may_not_be_made_proves_nothing(lab: LabUnderTest) -> None:
    lab.fault("rbac-denied@east=pods")
    done = lab.meshctl("preflight", *MESH, "--probe-from-primary", *reach(), "--skip-check", "MESH-110", "-o", "json")
    assert done.code == 0, done.said
    assert [one["code"] for one in json.loads(done.out)["findings"]] == ["MESH-189"]


def test_a_probe_that_is_interrupted_leaves_nothing(lab: LabUnderTest) -> None:
    lab.fault("lb-never")
    running = lab.begin("preflight", *MESH, *reach(), "--probe-load-balancer")
    assert settled(lambda: probes_left(lab).count("service/"), lambda number: number == 2) == 2
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 130, said
    assert probes_left(lab) == ""


def test_what_a_dead_run_has_left_behind_is_swept(lab: LabUnderTest) -> None:
    pod = url_pod(MeshSpec(Cluster("cluster1", "east", "network1"), ()), {})
    meta = {**pod["metadata"], "name": "meshctl-probe-url-dead"}
    spec = {**pod["spec"], "activeDeadlineSeconds": 1}
    lab.kubectl("east", "create", "-f", "-", stdin=json.dumps({**pod, "metadata": meta, "spec": spec}))
    phase = ("get", "pod", meta["name"], "-o", "jsonpath={.status.phase} {.status.reason}")
    assert settled(lambda: lab.kubectl("east", *phase), lambda said: said.startswith("Failed")) == (
        "Failed DeadlineExceeded"
    )
    assert lab.meshctl("preflight", *MESH, *reach(), "--probe-from-primary").code == 0
    assert probes_left(lab) == ""


def test_codes_that_cannot_be_skipped_are_usage_errors_and_nothing_is_sent(start_lab: StartLab) -> None:
    lab = start_lab()
    for command in ("preflight", "install"):
        wrong = ("--skip-check", "MESH-168x", "--skip-check", "MESH-101", "--skip-check", "MESH-201")
        done = lab.meshctl(command, *MESH, *wrong)
        assert done.returncode == 2, done.stderr
        assert "error: 3 problems" in done.stderr
        assert "there is no such check; near are MESH-16" in done.stderr
        assert "MESH-101: cannot be skipped" in done.stderr
        assert "MESH-201: is not made before an install" in done.stderr
    assert lab.requests() == []


def test_explain_says_the_long_form_and_lists_all() -> None:
    listed = explain()
    for code in ("MESH-101", "MESH-181", "MESH-201"):
        assert code in listed.out
    long = explain("mesh-103", "166")
    assert "two contexts lead to the same cluster" in long.out
    assert "What to do" in long.out
    assert "MESH-166" in long.out
    unknown = explain("MESH-1030", "nonsense")
    assert unknown.code == 2
    assert "MESH-1030: there is no such check; near are MESH-103, " in unknown.err
    assert "nonsense: there is no such check\n" in unknown.err


def explain(*codes: str) -> Result:
    done = subprocess.run([sys.executable, "-m", "meshctl", "explain", *codes], capture_output=True, text=True)
    return Result(done.returncode, done.stdout, done.stderr)


def test_explain_imports_nothing_heavy() -> None:
    script = "\n".join(
        (
            "import sys",
            "from meshctl.cli.app import app",
            "sys.argv = ['meshctl', 'explain', 'MESH-103']",
            "try: app()",
            "except SystemExit: pass",
            "print([name for name in ('kubernetes', 'cryptography', 'jinja2', 'urllib3') if name in sys.modules])",
        )
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr
