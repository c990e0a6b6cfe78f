"""How long things take in the lab: every delay has a name and a default from real clusters; one speed scales all."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds on real clusters; `of` scales them by `speed` (10 = ten times faster, 0 = no delay at all)."""

    speed: float = 1.0
    reconcile: float = 0.1  # the operator notices a change and starts to work
    charts: float = 0.8  # the operator installs the charts of one custom resource
    status: float = 0.1  # an IstioRevision's status is copied to its Istio
    pod_start: float = 2.5  # a plain pod from created to ready
    istiod_start: float = 3.5  # the istiod pod from created until its process serves
    istiod_ready: float = 3.0  # the istiod pod from serving to ready
    proxy_start: float = 2.0  # a gateway or sidecar pod from created to ready, once istiod answers it
    pod_stop: float = 1.0  # a pod from deleted to gone
    cni_ready: float = 2.0  # the istio-cni-node pods
    load_balancer: float = 40.0  # until a Service of type LoadBalancer has its address
    token: float = 0.1  # until a service account token Secret is filled
    sync: float = 0.3  # istiod reads a remote secret, connects and patches the remote's webhooks
    probe_period: float = 3.0  # the operator's readiness probe of a remote
    probe_timeout: float = 5.0  # until that probe gives up
    endpoints: float = 0.5  # until proxies know a changed endpoint
    collect: float = 0.3  # garbage collection after an owner is gone
    namespace_end: float = 5.0  # a namespace from deleted to gone
    backoff_first: float = 0.005  # the operator's retry after an error, doubling ...
    backoff_last: float = 1000.0  # ... up to this

    def of(self, seconds: float) -> float:
        """Return how long `seconds` of a real cluster take in this lab."""
        return seconds / self.speed if self.speed > 0 else 0.0
