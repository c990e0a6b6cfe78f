"""From one context of a kubeconfig to an official client with its credentials, its proxy and its TLS."""

import io
import ipaddress
import json
import os
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

import urllib3
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import ConfigException, new_client_from_config
from kubernetes.utils.keepalive import tcp_keepalive_socket_options

from meshctl import __version__
from meshctl.cluster import Request
from meshctl.kube.complaints import complaints
from meshctl.kube.errors import Border
from meshctl.kube.kubeconfig import Context, context, files
from meshctl.kube.tls import tls_context
from meshctl.kube.transport import Transport
from meshctl.objects import Manifest, dig

CONNECTIONS = 64
"""Connections kept per cluster for the next request; more may be open at a time."""


def log_in(name: str, kubeconfig: str, cluster: str, observe: Callable[[Request], None] | None) -> Transport:
    """Return the transport of one context."""
    chosen = context(name, kubeconfig)
    with Border(cluster, f"context {name}").guard():
        api = _official_client(chosen, kubeconfig)
        pair = (api.configuration.cert_file, api.configuration.key_file)
        tls = tls_context(chosen.cluster, chosen.user, pair if all(pair) else None)
    _share(api, tls)
    api.user_agent = f"meshctl/{__version__}"
    return Transport(api, tls, cluster, observe)


def _official_client(chosen: Context, kubeconfig: str) -> ApiClient:
    configuration = Configuration()
    configuration.retries = False  # whoever asks decides what is worth another try
    # Tells a silent watch from one whose other end has gone: after half a minute, not after three as by default.
    configuration.socket_options = tcp_keepalive_socket_options(idle=15, interval=5, count=3)
    configuration.connection_pool_maxsize = CONNECTIONS
    load: Callable[..., ApiClient] = new_client_from_config
    try:
        with complaints() as heard:
            api = load(_source(chosen, kubeconfig), context=chosen.name, client_configuration=configuration)
    except ImportError as error:
        raise ConfigException("a SOCKS proxy needs the Python package PySocks") from error
    if "exec" in chosen.user and not configuration.api_key and not configuration.cert_file:
        why = "; ".join(heard) or "it gave no token"
        raise ConfigException(f"the credential plugin of context {chosen.name} failed: {why}")
    # kubectl never takes the environment's proxy to loopback, where kind and port-forwards live.
    if _is_loopback(configuration.host) and "proxy-url" not in chosen.cluster and configuration.proxy:
        configuration.proxy = None
        api = ApiClient(configuration)
    # It is settled now: otherwise the client reads the whole environment again for every request.
    configuration.proxy = configuration.proxy
    return api


def _source(chosen: Context, kubeconfig: str) -> str | io.StringIO:
    """Return what the official loader reads: the one context, or the files when it must write back to them."""
    if "auth-provider" in chosen.user:
        return os.pathsep.join(files(kubeconfig))
    user = _without(chosen.user, "client-certificate", "client-key")
    plugin_asks = dig(user, "exec", "provideClusterInfo")
    cluster = chosen.cluster if plugin_asks else _without(chosen.cluster, "certificate-authority")
    name = chosen.name
    config: Manifest = {
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
    }
    return io.StringIO(json.dumps(config, default=str))


def _without(entry: Manifest, *loaded: str) -> Manifest:
    """Return the entry without what tls_context loads, lest the loader write it into temporary files."""
    return {key: value for key, value in entry.items() if key.removesuffix("-data") not in loaded}


def _share(api: ApiClient, tls: ssl.SSLContext) -> None:
    """Let every connection of the client use one TLS context."""
    settings = api.rest_client.pool_manager.connection_pool_kw
    for loaded in ("ca_certs", "cert_file", "key_file", "ca_cert_data"):
        settings.pop(loaded, None)
    settings["ssl_context"] = tls
    if tls.verify_mode == ssl.CERT_NONE:  # asked for in the kubeconfig; kubectl does not go on about it either
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)


def _is_loopback(server: str) -> bool:
    host = urlsplit(server).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
