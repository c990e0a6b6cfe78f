"""A plan's steps as the commands a person types: kubectl for what is applied and for waits that do not lie.

A wait of the plan looks at several objects at once; by hand they are asked one after the other. What only a program can
ask (istiod's own view, repairs of what an earlier try broke) is left to `meshctl install` and `meshctl verify`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from shlex import quote

from meshctl import conditions as is_
from meshctl.names import (
    CNI_DAEMON_SET,
    GATEWAY_DEPLOYMENT,
    GATEWAY_SERVICE,
    INJECTOR,
    ISTIOD,
    READER_ACCOUNT,
    READER_TOKEN,
    ROOT_CERT,
    THE_CNI,
    THE_ISTIO,
)
from meshctl.objects import Ref
from meshctl.plan import Action, Apply, Probe, Step, Wait
from meshctl.spec import Cluster, MeshSpec

JSONPATHS: Mapping[Ref, str] = {
    GATEWAY_SERVICE: "{.status.loadBalancer.ingress[0]}",
    READER_TOKEN: "{.data.token}",
    INJECTOR: "{.webhooks[0].clientConfig.caBundle}",
}
"""What must have come to be in an object."""
MUST_BE_THERE = frozenset({READER_ACCOUNT, ROOT_CERT})
ROLLED_OUT = frozenset({CNI_DAEMON_SET, ISTIOD, GATEWAY_DEPLOYMENT})
SAIL = frozenset({THE_CNI, THE_ISTIO})
UNASKED = (is_.not_leaving, is_.not_in_error)
"""What only spares a program a vain wait: clusters are clean, and a person sees that a command does not end."""
SIDECAR_STATUS = r"{.metadata.annotations.sidecar\.istio\.io/status}"


@dataclass(frozen=True, slots=True)
class Hand:
    """Who types: which mesh it is, where the files are, and which kubeconfigs are named from there."""

    mesh: MeshSpec
    paths: Mapping[tuple[str, str], str]
    kubeconfigs: Mapping[str, str]
    introduce: Mapping[str, str]

    def kubectl(self, name: str, ref: Ref | None = None) -> str:
        """Return how kubectl is called for a cluster, in the namespace of an object."""
        cluster = self._cluster(name)
        config = self.kubeconfigs.get(name, "")
        where = ["kubectl", *(["--kubeconfig", quote(config)] if config else []), "--context", quote(cluster.context)]
        return " ".join([*where, *(["-n", ref.namespace] if ref and ref.namespace else [])])

    def _cluster(self, name: str) -> Cluster:
        return next(one for one in self.mesh.clusters if one.name == name)

    def commands(self, step: Step) -> list[str]:
        """Return the commands of a step, each once, in order."""
        return list(dict.fromkeys(line for action in step.actions for line in self._action(step, action)))

    def _action(self, step: Step, action: Action) -> Iterator[str]:
        match action:
            case Apply() if (action.on, step.key) in self.paths:
                how = f"apply --server-side --field-manager={action.manager}"
                yield f"{self.kubectl(action.on)} {how} -f {self.paths[action.on, step.key]}"
            case Apply():
                yield self.introduce[step.cluster]
            case Wait():
                for one in action.objects:
                    if one.condition not in UNASKED:
                        yield from self._wait(one.cluster, one.ref, action.timeout)
            case Probe():
                yield from self._probe(step.cluster, action)
            case _:
                return

    def _wait(self, cluster: str, ref: Ref, seconds: float) -> Iterator[str]:
        kubectl, named, limit = self.kubectl(cluster, ref), f"{ref.kind.resource}/{ref.name}", f"--timeout={seconds:g}s"
        if ref in SAIL:
            # Right after an edit the status is still that of the old spec, and Ready alone is true when much is broken.
            generation = f'"$({kubectl} get {named} -o jsonpath={quote("{.metadata.generation}")})"'
            yield f"{kubectl} wait {named} --for=jsonpath='{{.status.observedGeneration}}'={generation} {limit}"
            yield f"{kubectl} wait {named} --for=jsonpath='{{.status.state}}'=Healthy {limit}"
        elif ref in ROLLED_OUT:
            yield f"{kubectl} rollout status {named} {limit}"
        elif ref in MUST_BE_THERE:
            yield f"{kubectl} wait {named} --for=create {limit}"
        elif ref in JSONPATHS:
            yield f"{kubectl} wait {named} --for=jsonpath={quote(JSONPATHS[ref])} {limit}"

    def _probe(self, cluster: str, probe: Probe) -> Iterator[str]:
        """Yield the commands that ask what a probe asks, where kubectl can: its triggers say what it is about."""
        if probe.triggers == ((cluster, INJECTOR),):
            run = "run istio-proxy --image=auto --labels=sidecar.istio.io/inject=true"
            dry = (
                f"--annotations=inject.istio.io/templates=gateway --dry-run=server -o jsonpath={quote(SIDECAR_STATUS)}"
            )
            yield f"{self.kubectl(cluster, GATEWAY_SERVICE)} {run} {dry} | grep revision"
        elif probe.triggers == ((cluster, GATEWAY_DEPLOYMENT),):
            yield from self._wait(cluster, GATEWAY_DEPLOYMENT, probe.timeout)
