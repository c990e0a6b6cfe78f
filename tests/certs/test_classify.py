"""What stands in the way of an install, and what only deserves a look."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from meshctl.certs.classify import classify, remedy
from meshctl.certs.material import Material, Severity
from meshctl.certs.secrets import manifest_of
from meshctl.objects import Manifest

from .forge import NOW, Shape, fast_root, sound, under

ERROR, WARNING = Severity.ERROR, Severity.WARNING
ROOT = fast_root()
EAST, WEST = sound("cluster1", ROOT), sound("cluster2", ROOT)
EXPIRED = under(ROOT, Shape(ends=timedelta(days=-1)))
EXPIRING = under(ROOT, Shape(ends=timedelta(days=30)))
INCOMPLETE = replace(WEST, ca_key=b"")
MISMATCHED = replace(EAST, ca_key=WEST.ca_key)
ELSEWHERE = sound("cluster2")


def secret(material: Material | None) -> Manifest | None:
    return manifest_of(material) if material else None


TABLE: dict[str, tuple[Material | None, Material | None, list[tuple[str, Severity]]]] = {
    "both sound": (EAST, WEST, []),
    "primary without": (None, WEST, [("cluster1", ERROR)]),
    "primary incomplete": (replace(EAST, cert_chain=b""), WEST, [("cluster1", ERROR)]),
    "primary mismatched": (MISMATCHED, WEST, [("cluster1", ERROR)]),
    "primary expired": (EXPIRED, WEST, [("cluster1", ERROR)]),
    "primary expiring": (EXPIRING, WEST, [("cluster1", WARNING)]),
    "remote without": (EAST, None, [("cluster2", WARNING)]),
    "remote incomplete": (EAST, INCOMPLETE, [("cluster2", WARNING)]),
    "remote expired": (EAST, EXPIRED, [("cluster2", WARNING)]),
    "remote expiring": (EAST, EXPIRING, [("cluster2", WARNING)]),
    "another root": (EAST, ELSEWHERE, [("cluster2", ERROR)]),
    "another root, incomplete": (EAST, replace(ELSEWHERE, ca_key=b""), [("cluster2", WARNING), ("cluster2", ERROR)]),
    "one for both": (EAST, EAST, [("cluster2", WARNING)]),
    "neither": (None, None, [("cluster1", ERROR), ("cluster2", WARNING)]),
}


@pytest.mark.parametrize(("east", "west", "expected"), TABLE.values(), ids=TABLE)
def test_who_has_what(east: Material | None, west: Material | None, expected: list[tuple[str, Severity]]) -> None:
    problems = classify({"cluster2": secret(west), "cluster1": secret(east)}, "cluster1", NOW)
    assert [(problem.cluster, problem.severity) for problem in problems] == expected


def test_another_root_can_be_allowed() -> None:
    secrets = {"cluster1": secret(EAST), "cluster2": secret(ELSEWHERE)}
    [problem] = classify(secrets, "cluster1", NOW, different_roots=WARNING)
    assert problem.severity is WARNING
    assert str(problem).startswith("cluster2: another root than cluster1: SHA-256 ")


def test_the_primary_comes_first_and_is_missed_when_it_is_not_there() -> None:
    [problem] = classify({"cluster2": secret(WEST)}, "cluster1", NOW)
    assert str(problem) == (
        "cluster1: no secret/cacerts in istio-system: istiod would sign with a root that it makes for itself"
    )


def test_a_problem_of_a_remote_says_that_nothing_depends_on_it() -> None:
    for west in (None, INCOMPLETE):
        [problem] = classify({"cluster1": secret(EAST), "cluster2": secret(west)}, "cluster1", NOW)
        assert "nothing reads the one of a remote" in problem.text


def test_each_remote_is_compared_with_the_primary() -> None:
    secrets = {f"cluster{number}": secret(sound(f"cluster{number}", ROOT)) for number in (1, 2, 4)}
    problems = classify(secrets | {"cluster3": secret(ELSEWHERE)}, "cluster1", NOW)
    assert [problem.cluster for problem in problems] == ["cluster3"]


def test_the_remedy_is_two_commands() -> None:
    assert remedy("--east e --west w") == (
        "meshctl certs generate --out certs --east e --west w",
        "meshctl certs apply --from certs --east e --west w",
    )
    assert remedy("", "here")[0] == "meshctl certs generate --out here"


def test_importing_does_not_load_cryptography() -> None:
    program = (
        "import sys; import meshctl.certs.classify, meshctl.certs.files; "
        "sys.exit('cryptography' in sys.modules and 'loaded')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
