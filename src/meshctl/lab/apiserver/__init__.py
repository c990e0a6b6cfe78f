"""A Kubernetes API server in this process: one `EmbeddedCluster` per cluster, reachable over HTTPS and directly."""

from meshctl.lab.apiserver.cluster import EmbeddedCluster

__all__ = ["EmbeddedCluster"]
