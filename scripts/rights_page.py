"""The page of the rights that commands need, and roles that grant them, from the lists that the commands check."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import yaml
from page_text import code, page, table

from meshctl.checks.rights import (
    Right,
    Rights,
    explain_rights,
    install_rights,
    plan_rights,
    remote_secret_rights,
    survey_rights,
    teardown_rights,
    verify_rights,
)
from meshctl.names import CNI_NAMESPACE, ISTIO_SYSTEM, KINDS
from meshctl.objects import Manifest
from meshctl.spec import Cluster, MeshSpec

PRIMARY, REMOTE = Cluster("cluster1", "east", "network1"), Cluster("cluster2", "west", "network2")
MESH = MeshSpec(PRIMARY, (REMOTE,))
SAMPLE = MESH.sample_namespace
RBAC = "rbac.authorization.k8s.io"
NAME = "meshctl"
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete")

VERIFYING = f"""`--namespace` puts another namespace in the place of `{SAMPLE}`. With `--keep` nothing is deleted, and
with `--as-is` nothing is made either: what they do not do is not asked for. A namespace that is there and not meshctl's
is neither made nor removed, so the rights for that are not asked for."""
SURVEYING = """These are not checked: what may not be seen is not judged, by `preflight` neither."""
PLANNING = """It writes nothing, but an API server lets nobody try in a dry run what he may not do. `--plan-file` has
`install` need this besides its own."""
EXPLAINING = """These are not checked beforehand: without them `verify` works, and says of what is missing only what it
may see."""
REMOVING = """What is asked of all namespaces is who else uses the mesh, which operator runs, and the root certificates
that istiod writes into every one. `--force-finalizers`, `--keep-certificates` and `--keep-namespaces` need rights for
what they do besides; they name them if they are missing."""

Wanted = Callable[[Cluster], Rights]
LISTS: Mapping[str, tuple[Wanted, str]] = {
    "install": (lambda cluster: install_rights(MESH, cluster), ""),
    "install, to judge more before it writes": (
        lambda cluster: survey_rights(MESH, cluster) - install_rights(MESH, cluster),
        SURVEYING,
    ),
    "plan": (lambda cluster: plan_rights(MESH, cluster), PLANNING),
    "remote-secret --apply": (lambda cluster: remote_secret_rights(MESH, cluster), ""),
    "verify": (lambda _: verify_rights(MESH), VERIFYING),
    "verify, to say why a version does not answer": (
        lambda cluster: explain_rights(MESH, cluster) - verify_rights(MESH),
        EXPLAINING,
    ),
    "teardown": (lambda cluster: teardown_rights(MESH, cluster), REMOVING),
}
"""What is listed under each heading, and what there is to say of it."""

NAMESPACED = {kind.plural for kind in KINDS if kind.namespaced}


def rights_page() -> list[str]:
    """Return the page."""
    lines = page(
        "Rights",
        "What each command asks of an API server. It checks all of it on every cluster before it writes anything, and "
        "refuses with a list of all that is missing (exit code 3). An administrator (`*` on `*`) has everything.",
        f"Where a namespace is named, a Role there is enough. Ready to apply: [primary.yaml](rights/primary.yaml) and "
        f"[remote.yaml](rights/remote.yaml) grant all of this page to the group `{NAME}`; put your own subject in its "
        "place. They bring the namespaces that hold the Roles. `teardown` removes namespaces, and the Roles with them: "
        "apply the file again before the next install.",
        "Kubernetes lets nobody grant what he does not have: for the Role of the east-west gateway (read secrets in "
        "`istio-system`) these rights are among what `install` needs.",
    )
    for name, (ask, remark) in LISTS.items():
        lines += [f"## {name}", "", *([" ".join(remark.split()), ""] if remark else [])]
        lines += table(("resource", "verbs", "where", "on"), rows(ask(PRIMARY), ask(REMOTE)))
        lines += [""]
    return lines


def rows(primary: Rights, remote: Rights) -> Iterator[tuple[str, str, str, str]]:
    """Yield a row per resource, place and kind of cluster."""
    for some, where in (
        (primary & remote, "every cluster"),
        (primary - remote, "the primary"),
        (remote - primary, "remotes"),
    ):
        for (group, resource, namespace, name), verbs in gathered(some):
            full = f"{resource}.{group}" if group else resource
            place = code(namespace) or code(name) or ("all namespaces" if resource in NAMESPACED else "the cluster")
            yield code(full), ", ".join(verbs), place, where


def gathered(rights: Iterable[Right]) -> Iterator[tuple[tuple[str, str, str, str], list[str]]]:
    """Yield the verbs for every resource and place, core resources first."""
    found: defaultdict[tuple[str, str, str, str], set[str]] = defaultdict(set)
    for one in rights:
        found[one.group, one.resource, one.namespace, one.name].add(one.verb)
    for place in sorted(found):
        yield place, sorted(found[place], key=VERBS.index)


def rights_files() -> dict[str, str]:
    """Return the text of the files with roles, by name."""
    return {f"{name}.yaml": file_of(name, cluster) for name, cluster in (("primary", PRIMARY), ("remote", REMOTE))}


def file_of(name: str, cluster: Cluster) -> str:
    """Return roles for everything that meshctl does on one cluster."""
    rights = frozenset[Right]().union(*(ask(cluster) for ask, _ in LISTS.values()))
    head = (
        "# Made by `make docs` from the code: change it there.\n"
        f"# What install, plan, verify and teardown need on {'the primary' if name == 'primary' else 'a remote'}: "
        f"put your own subject in the place of the group {NAME}.\n"
    )
    return head + yaml.safe_dump_all(roles(rights), sort_keys=False, default_flow_style=None, width=120)


def roles(rights: Rights) -> Iterator[Manifest]:
    """Yield the namespaces that roles are in, and a role with its binding for each of them and for the cluster."""
    for namespace in (CNI_NAMESPACE, ISTIO_SYSTEM, SAMPLE):
        labels = {"labels": {"istio-injection": "enabled"}} if namespace == SAMPLE else {}
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, **labels}}
    for namespace in sorted({one.namespace for one in rights}):
        prefix, where = ("", {"namespace": namespace}) if namespace else ("Cluster", {})
        version, meta = {"apiVersion": f"{RBAC}/v1"}, {"metadata": {"name": NAME, **where}}
        here = [right for right in rights if right.namespace == namespace]
        yield {**version, "kind": f"{prefix}Role", **meta, "rules": list(rules(here))}
        ref = {"apiGroup": RBAC, "kind": f"{prefix}Role", "name": NAME}
        subject = {"apiGroup": RBAC, "kind": "Group", "name": NAME}
        yield {**version, "kind": f"{prefix}RoleBinding", **meta, "roleRef": ref, "subjects": [subject]}


def rules(rights: Sequence[Right]) -> Iterator[Manifest]:
    """Yield rules of a role: what may be done alike stands together."""
    alike: defaultdict[tuple[str, tuple[str, ...], str], list[str]] = defaultdict(list)
    for (group, resource, _, name), verbs in gathered(rights):
        alike[group, tuple(verbs), resource if name else ""].append(name or resource)
    for (group, allowed, resource), items in alike.items():
        named = {"resourceNames": items} if resource else {}
        yield {"apiGroups": [group], "resources": [resource] if resource else items, "verbs": list(allowed), **named}
