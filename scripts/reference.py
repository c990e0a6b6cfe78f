"""Writes the pages of docs/reference that say what the code says, so that they cannot disagree: reference.py DIR."""

import ast
import inspect
import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from pathlib import Path

from command_tree import commands_page
from page_text import code, page, sentences, table
from rights_page import rights_files, rights_page

from meshctl import errors
from meshctl.checks.catalog import CATALOG, DIAGNOSIS, PREFLIGHT, STATUS, Check
from meshctl.errors import Exit, MeshctlError
from meshctl.lab import delays
from meshctl.lab.faults import FAULT_KINDS
from meshctl.render.exits import MEANINGS, NEXT
from meshctl.spec.environment import FILE, VARIABLES, Variable
from meshctl.spec.fields import CNI_RESERVED, EAST, ISTIO_RESERVED, MESH, WEST
from meshctl.spec.forms import (
    Annotations,
    Choice,
    Duration,
    Field,
    Form,
    HelmValues,
    Reserved,
    Section,
    Sections,
    Switch,
    Text,
    Texts,
)
from meshctl.spec.places import spell

NOTICE = "<!-- Made by `make docs` from the code: change it there. -->"
EXAMPLES = Path(__file__).parents[1] / "docs" / "reference" / "mesh-file"
ORDER = ("smallest", "three-remotes", "private-registry", "contexts-by-flag", "everything")
"""The examples that come first, simplest first; others follow by name."""


def main(folder: Path) -> None:
    """Write every page."""
    pages = {
        "commands": commands_page(),
        "mesh-file": mesh_file_page(),
        "environment": environment_page(),
        "exit-codes": exit_codes_page(),
        "checks": checks_page(),
        "faults": faults_page(),
        "delays": delays_page(),
        "rights": rights_page(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rights").mkdir(exist_ok=True)
    for name, text in rights_files().items():
        (folder / "rights" / name).write_text(text, encoding="utf-8")
    for name, lines in pages.items():
        (folder / f"{name}.md").write_text("\n".join([NOTICE, "", *lines]).rstrip() + "\n", encoding="utf-8")


# The mesh file


def mesh_file_page() -> list[str]:
    """Return the page of every key of the mesh file, with the examples that the tests load."""
    lines = page(
        "The mesh file",
        "`--file` (or `MESHCTL_FILE`) names a YAML file that describes the whole mesh. Nothing in it is required: "
        "flags and variables complete what it leaves out. An unknown key is an error that names the nearest known one.",
        "`meshctl schema` prints the file's JSON Schema; editors complete and check with it.",
        "`--set` takes the same keys, as in `--set timeouts.address=10m`, `--set 'west[0].network=net7'` and "
        "`--set 'gateway.annotations.example\\.com/owner=platform'`. A list of texts may be written with commas.",
    )
    lines += ["## Keys", "", *section_table(MESH)]
    for path, text, section in sections():
        lines += ["", f"### {path}", "", text, "", *section_table(section)]
    lines += ["", "## Values that meshctl sets itself", ""]
    lines += ["`values` are passed to the operator's resources as they are, except for these, which are refused:", ""]
    lines += table(
        ("in", "key", "why"), [*refused("istio.values", ISTIO_RESERVED), *refused("cni.values", CNI_RESERVED)]
    )
    lines += ["", "## Examples", "", "Each is loaded by a test."]
    for example in examples():
        lines += ["", f"### [{example.name}](mesh-file/{example.name})", ""]
        lines += ["```yaml", example.read_text(encoding="utf-8").rstrip(), "```"]
    return lines


def examples() -> list[Path]:
    """Return the example files, simplest first."""
    found = {path.stem: path for path in sorted(EXAMPLES.glob("*.yaml"))}
    return [found.pop(name) for name in ORDER if name in found] + list(found.values())


def sections() -> Iterator[tuple[str, str, Section]]:
    """Yield every section with its path and what it is; East and West have the same keys."""
    for field in MESH.fields:
        if field.key == "east":
            yield "`east`, `west[]`", "A cluster.", both()
            yield from nested("`east.{0}`, `west[].{0}`", EAST)
    yield from nested("`{}`", MESH)


def nested(path: str, above: Section) -> Iterator[tuple[str, str, Section]]:
    """Yield the sections inside one; clusters apart."""
    for field in above.fields:
        if isinstance(field.form, Section) and field.key != "east":
            yield path.format(field.key), field.about, field.form


def both() -> Section:
    """Return the section of a cluster with the defaults of East and of West."""
    pairs = zip(EAST.fields, WEST.fields, strict=True)
    return Section(
        tuple(replace(one, default=f"{one.default}; {other.default}") if one.default else one for one, other in pairs)
    )


def section_table(section: Section) -> list[str]:
    """Return the table of a section's keys."""
    return table(
        ("key", "value", "default", "meaning"),
        ((code(field.key), form(field.form), default(field), field.about) for field in section.fields),
    )


def form(value: Form) -> str:
    """Say what a value looks like."""
    match value:
        case Text():
            return value.noun
        case Switch():
            return "`true` or `false`"
        case Choice():
            return " or ".join(code(word) for word in value.words)
        case Duration():
            return "a duration"
        case Texts():
            return f"a list, each {value.item.noun}"
        case Annotations():
            return "a mapping of texts"
        case HelmValues():
            return "Helm values"
        case Section():
            return "a section"
        case Sections():
            return "a list of sections"


def default(field: Field) -> str:
    """Return a key's default as YAML would have it."""
    match field.default:
        case None | []:
            return ""
        case bool(flag):
            return code(str(flag).lower())
        case list(items):
            return code(f"[{', '.join(map(str, items))}]")
        case float(seconds) | int(seconds):
            return code(f"{seconds / 60:g}m")
        case text if " " in str(text):
            return str(text)
        case text:
            return code(text)


def refused(where: str, reserved: Iterable[Reserved]) -> Iterator[tuple[str, str, str]]:
    """Return one row for each value that cannot be set."""
    for one in reserved:
        yield code(where), code(spell(one.keys)), one.why


# Environment variables

OTHERS = (
    ("KUBECONFIG", "The kubeconfig files, separated by colons, as kubectl takes them; `--kubeconfig` replaces it."),
    ("MESHCTL_STATE_DIR", "Where meshctl keeps the marks of live runs, the events of the last ones, and the lab."),
    ("XDG_STATE_HOME", "Without `MESHCTL_STATE_DIR`: the folder above `meshctl`. [default: `~/.local/state`]"),
    ("CI", "Anything but empty, `0`, `false` or `no`: plain lines unless `-o` asks for something else."),
    ("NO_COLOR", "Anything but empty: no colours."),
    ("TERM", "`dumb`: no colours, no live display."),
    ("HTTPS_PROXY, NO_PROXY", "The proxy on the way from here to the API servers, never asked for loopback."),
    ("TZ", "The time zone of the times that are shown."),
)
"""Variables that are not a key of the mesh file."""


def environment_page() -> list[str]:
    """Return the page of the environment variables."""
    lines = page(
        "Environment variables",
        "One that is empty counts as not set. A flag beats a variable, a variable beats the [mesh file](mesh-file.md). "
        "A variable that is nearly one of these is an error; others that begin with `MESHCTL_` are left alone.",
    )
    lines += ["## Which mesh", "", *table(("variable", "key", "meaning"), map(variable_row, VARIABLES))]
    lines += ["", "## Everything else", ""]
    return lines + table(("variable", "meaning"), ((code(name), text) for name, text in OTHERS))


def variable_row(variable: Variable) -> tuple[str, str, str]:
    """Return the row of a variable that is a key of the file."""
    key = code("--file") if variable == FILE else code(variable.sets)
    more = " Separated by commas." if variable.many and "commas" not in variable.about else ""
    # What the file says of its own place means nothing in a variable.
    text = "The kubeconfig file that has the contexts, as --kubeconfig gives it." if key == "`kubeconfig`" else ""
    return code(variable.name), key, text or variable.about + more


# Exit codes


def exit_codes_page() -> list[str]:
    """Return the page of the exit codes."""
    lines = page(
        "Exit codes",
        "The first failed step, in the order of the plan, decides. A Python traceback is a bug of meshctl: please "
        "report it.",
    )
    rows = ((str(int(one)), one.name, MEANINGS[one], NEXT.get(one, "")) for one in Exit)
    lines += table(("code", "name", "meaning", "then"), rows)
    lines += ["", "## Which failures end with which code", ""]
    lines += ["5 and 7 are no failures of a step: they are what `verify` and `teardown` come to in the end.", ""]
    kinds = ((str(int(kind.exit_code)), code(kind.__name__), about(kind)) for kind in hierarchy(MeshctlError))
    return lines + table(("code", "error", "what happened"), kinds)


def hierarchy(top: type[MeshctlError]) -> Iterator[type[MeshctlError]]:
    """Yield every kind of error that meshctl raises on purpose."""
    for kind in top.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield kind
            yield from hierarchy(kind)


def about(kind: type[MeshctlError]) -> str:
    """Return the first paragraph of a class's docstring."""
    return sentences(inspect.getdoc(kind))[0]


# Checks


def checks_page() -> list[str]:
    """Return the page of every check, with its long form."""
    lines = page(
        "Checks",
        "Every finding has the code of its check. `meshctl explain` prints what is on this page, offline. An error "
        "makes `meshctl install` refuse, and `meshctl preflight` end with exit code 3; a warning does neither. "
        "`--skip-check` lets one of the first part pass, for both commands, whatever it finds; what is essential "
        "cannot be skipped.",
    )
    for title, about, checks in PARTS:
        rows = ((f"[{c.code}](#{c.code.lower()})", c.category, severity(c), c.title) for c in checks)
        lines += [f"## {title}", "", about, "", *table(("code", "category", "severity", "what is wrong"), rows), ""]
    for check in CATALOG:
        lines += [f"### {check.code}", "", f"**{check.title}** ({check.category}, {severity(check)})", ""]
        lines += [check.explanation, "", f"*What to do:* {check.remedy}", ""]
    return lines


PARTS = (
    (
        "Before an install",
        "Made by `meshctl preflight` and by `meshctl install`, before anything is written.",
        PREFLIGHT,
    ),
    (
        "Of a mesh that is there",
        "The links of the chain from the API servers to a request that is answered, cause before effect.",
        DIAGNOSIS,
    ),
    (
        "In a status",
        "What `meshctl status` shows besides, with the codes above: the mesh works, and yet deserves a look.",
        STATUS,
    ),
)


def severity(check: Check) -> str:
    """Return how severe a check is, and whether it can be skipped or has to be asked for."""
    if check.asked_by:
        return f"{check.severity}, with `{check.asked_by.replace(', ', '`, `')}`"
    return f"{check.severity}, essential" if check.essential else str(check.severity)


# The lab


def faults_page() -> list[str]:
    """Return the page of the lab's faults."""
    lines = page(
        "Faults of the lab",
        "`NAME` holds for every cluster, `NAME@CLUSTER` for one, where the cluster is `east`, `west`, `west2` and so "
        "on; `=VALUE` gives the value. So `lb-late@east=90` makes East's load balancer 90 seconds slower.",
        "At the start: `meshctl lab up --fault lb-never`. While it runs: `meshctl lab fault lb-never`, and "
        "`meshctl lab fault --clear` takes all of them away.",
    )
    rows = ((code(kind.name), kind.value, code(kind.default), kind.text) for kind in FAULT_KINDS)
    return lines + table(("fault", "value", "default", "what happens"), rows)


def delays_page() -> list[str]:
    """Return the page of the lab's delays."""
    lines = page(
        "Delays of the lab",
        "How long things take at `--speed 1`, as on real clusters. `--speed 10` divides all of them by ten; "
        "`--speed 0` means no delay at all.",
    )
    said = delay_comments()
    rows = (
        (code(field.name), f"{field.default:g}", said.get(field.name, field.name.replace("_", " ")))
        for field in fields(delays.Delays)
        if field.name != "speed" and isinstance(field.default, float)
    )
    return lines + table(("delay", "seconds", "meaning"), rows)


def delay_comments() -> dict[str, str]:
    """Return the comments beside the delays: that is where the code says what each one is."""
    source = inspect.getsource(delays)
    lines = source.splitlines()
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            _, mark, comment = lines[node.lineno - 1].partition("#")
            if mark:
                found[node.target.id] = comment.strip()
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
