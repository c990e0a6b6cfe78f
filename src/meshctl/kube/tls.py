"""One TLS context per cluster, made once: loading certificates anew for each connection costs more than the request."""

import base64
import os
import ssl
import tempfile
from pathlib import Path

from kubernetes.config import ConfigException
from urllib3.util import create_urllib3_context

from meshctl.objects import Manifest


def tls_context(cluster: Manifest, user: Manifest, plugin_pair: tuple[str, str] | None) -> ssl.SSLContext:
    """Return the TLS context for a cluster and a user of a kubeconfig.

    `plugin_pair`, the certificate and key files that a credential plugin handed out, comes before the user's own.
    """
    verify = not cluster.get("insecure-skip-tls-verify")
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if verify else ssl.CERT_NONE)
    # Python 3.13 began to refuse certificates that kubectl and every cluster's own clients accept.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if verify:
        _trust(context, _content(cluster, "certificate-authority"))
    try:
        if plugin_pair:
            context.load_cert_chain(*plugin_pair)
        else:
            _load_pair(context, _content(user, "client-certificate"), _content(user, "client-key"))
    except ssl.SSLError as error:
        raise ConfigException("client-certificate and client-key do not make a pair") from error
    return context


def _trust(context: ssl.SSLContext, authority: bytes) -> None:
    if not authority:
        context.load_default_certs()
        return
    try:
        context.load_verify_locations(cadata=authority.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise ConfigException("certificate-authority holds no certificate in PEM") from error


def _content(entry: Manifest, key: str) -> bytes:
    inline = entry.get(f"{key}-data")
    if inline:
        try:
            return base64.b64decode("".join(inline.split()), validate=True)
        except (ValueError, AttributeError) as error:
            raise ConfigException(f"{key}-data is not base64") from error
    name = entry.get(key)
    return Path(name).read_bytes() if name else b""


def _load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Load a client certificate. OpenSSL takes files only, so the key is one for as long as that takes."""
    if not certificate:
        return
    descriptor, name = tempfile.mkstemp()
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(certificate + b"\n" + key)
        context.load_cert_chain(name)
    finally:
        Path(name).unlink()
