"""The only way to a cluster. Importing this package is cheap; the official client is loaded by the first `connect`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshctl.kube.kubeconfig import contexts

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshctl.cluster import Client, Request

__all__ = ["connect", "contexts"]


def connect(
    context: str, kubeconfig: str = "", *, cluster: str = "", observe: Callable[[Request], None] | None = None
) -> Client:
    """Return a client for one context of the kubeconfig (else KUBECONFIG's, else the usual one); nothing is sent yet.

    `cluster` is the name that errors begin with, the context's unless given. `observe` is told about every request
    after it was answered, in whichever thread that is; a watch is told about when it opens.
    """
    from meshctl.kube.client import KubeClient
    from meshctl.kube.credentials import log_in

    return KubeClient(log_in(context, kubeconfig, cluster or context, observe))
