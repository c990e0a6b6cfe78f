"""Small repairs of what somebody has changed: one field, one label, one Secret, whoever manages the rest."""

from meshctl.checks.diagnosis.case import Case
from meshctl.checks.diagnosis.introductions import MULTI_CLUSTER, decoded, introduction, introductions, strangers
from meshctl.checks.evidence import SECRETS
from meshctl.checks.trials import review
from meshctl.conditions import annotated_for
from meshctl.errors import ConflictError
from meshctl.manifests import render
from meshctl.names import (
    CONTROL_PLANE_CLUSTERS,
    FIELD_MANAGER,
    GATEWAY_SERVICE,
    ISTIO_SYSTEM,
    NAMESPACE,
    NETWORK_LABEL,
    READER_TOKEN,
    SECRET,
    THE_ISTIO,
    remote_secret,
)
from meshctl.objects import Manifest, Ref, dig
from meshctl.plan import Act, Clients, Note
from meshctl.plans.facts import Resolve, discovery_address, discovery_hostname
from meshctl.spec import Cluster, MeshSpec

ADDRESS = ("spec", "values", "global", "remotePilotAddress")
SYSTEM = Ref(NAMESPACE, ISTIO_SYSTEM)


def label_gateway(cluster: Cluster) -> Act:
    """Label the gateway's Service with its network."""

    def do(clients: Clients) -> Note | None:
        clients[cluster.name].merge(GATEWAY_SERVICE, {"metadata": {"labels": {NETWORK_LABEL: cluster.network}}})
        return Note(f"labelled {GATEWAY_SERVICE} {NETWORK_LABEL}={cluster.network}")

    return Act("label the gateway's Service", do)


def allow_injection(cluster: Cluster) -> Act:
    """Take the labels away that keep istio-system from being injected."""

    def do(clients: Clients) -> Note | None:
        labels = {"istio-injection": None, "istio.io/rev": None}
        clients[cluster.name].merge(SYSTEM, {"metadata": {"labels": labels}})
        return Note(f"took istio-injection and istio.io/rev away from {SYSTEM}")

    return Act("take the labels away", do)


def annotate(mesh: MeshSpec, remote: Cluster) -> Act:
    """Let the primary's istiod lead in a remote, besides whoever may already."""

    def do(clients: Clients) -> Note | None:
        client, primary = clients[remote.name], mesh.primary.name
        namespace = client.get(SYSTEM)
        if annotated_for(primary)(namespace).met:
            return None
        others = str(dig(namespace, "metadata", "annotations", CONTROL_PLANE_CLUSTERS) or "")
        # istiod trims no spaces, so there are none.
        names = ",".join([*(name for name in others.split(",") if name), primary])
        client.merge(SYSTEM, {"metadata": {"annotations": {CONTROL_PLANE_CLUSTERS: names}}})
        return Note(f"annotated {SYSTEM} {CONTROL_PLANE_CLUSTERS}={names}")

    return Act("annotate the namespace", do)


def label_secret(mesh: MeshSpec, remote: Cluster) -> Act:
    """Label the remote secret, so that istiod reads it."""

    def do(clients: Clients) -> Note | None:
        secret = remote_secret(remote.name)
        clients[mesh.primary.name].merge(secret, {"metadata": {"labels": {MULTI_CLUSTER: "true"}}})
        return Note(f"labelled {secret} {MULTI_CLUSTER}=true")

    return Act("label the remote secret", do)


def drop_secrets(case: Case, remote: Cluster) -> Act:
    """Delete what leads istiod to this remote, under whatever name: it is made anew, and read anew."""

    def do(clients: Clients) -> Note | None:
        client = clients[case.primary.name]
        known = list(introductions(case.all(case.primary, SECRETS)))
        own = introduction(case, remote)
        meant = [*strangers(case, remote), *([own] if own else [])]
        named = {one.secret for one in meant}
        # A Secret may hold several clusters; the others must not go with this one, whether they were named here or not.
        if shared := sorted({one.key for one in known if one.secret in named} - {one.key for one in meant}):
            msg = f"the remote secret of {remote.name} also holds {', '.join(shared)}"
            raise ConflictError(msg, hint="give each cluster a secret of its own")
        gone = [name for name in sorted(named) if client.delete(Ref(SECRET, name, ISTIO_SYSTEM))]
        return (
            Note(f"deleted {', '.join(gone)} on {case.primary.name}: made anew with the right name") if gone else None
        )

    return Act("drop the remote secret", do)


def drop_dead_token(remote: Cluster) -> Act:
    """Delete the reader's token if its own cluster does not accept it any more."""

    def do(clients: Clients) -> Note | None:
        client = clients[remote.name]
        secret = client.get(READER_TOKEN)
        token = decoded(dig(secret, "data", "token"))
        if not token or review(client, token)():
            return None
        client.delete(READER_TOKEN)
        return Note(f"deleted {READER_TOKEN}: its token is not accepted any more")

    return Act("drop the dead token", do)


def point(mesh: MeshSpec, remote: Cluster, resolve: Resolve) -> Act:
    """Let a remote look for istiod where the primary's gateway is now: one field, whoever manages the rest."""

    def do(clients: Clients) -> Note | None:
        client = clients[remote.name]
        address = discovery_address(mesh, remote, resolve).ask(clients)
        istio = client.get(THE_ISTIO)
        wanted = pointed(istio, address)
        facts = {"discovery": address, "hostname": discovery_hostname(mesh, resolve).ask(clients)}
        manifest = next(iter(render("istio-remote.yaml", mesh, remote, facts)))
        # Who has applied it applies it again; if that would change anything else, and in a mesh that somebody else has
        # made, the one field is set.
        if applied_by_meshctl(istio) and client.apply(manifest, force=True, dry_run=True)["spec"] == wanted["spec"]:
            client.apply(manifest, force=True)
        else:
            client.merge(THE_ISTIO, {"spec": {"values": {"global": {ADDRESS[-1]: address}}}})
        return Note(f"{remote.name} now looks for istiod at {address}")

    return Act("set the address", do)


def pointed(istio: Manifest | None, address: str) -> Manifest:
    """Return an Istio with another address of the primary's gateway."""
    spec = dict(dig(istio, "spec") or {})
    values = dict(spec.get("values") or {})
    spec["values"] = {**values, "global": {**(values.get("global") or {}), ADDRESS[-1]: address}}
    return {**(istio or {}), "spec": spec}


def applied_by_meshctl(obj: Manifest | None) -> bool:
    """Say whether meshctl has applied this object."""
    entries = dig(obj, "metadata", "managedFields") or []
    return any(e.get("manager") == FIELD_MANAGER and e.get("operation") == "Apply" for e in entries)
