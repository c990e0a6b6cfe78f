"""The lab's way to an admission webhook that is named by URL: it is called for real, as kube-apiserver would."""

import asyncio
import base64
import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

from meshctl.lab.apiserver.hooks import WebhookUnreachableError
from meshctl.objects import Manifest


async def call_by_url(config: Manifest, path: str, timeout: float, review: Manifest) -> Manifest:
    """POST the review to the URL and return the answer; raise what kube-apiserver says of an address nobody serves."""
    del path
    return await asyncio.to_thread(_call, config, timeout, review)


def _call(config: Manifest, timeout: float, review: Manifest) -> Manifest:
    url = urlsplit(config["url"])
    tls = ssl.create_default_context(cadata=base64.b64decode(config["caBundle"]).decode())
    connection = http.client.HTTPSConnection(url.netloc, timeout=timeout, context=tls)
    try:
        body = json.dumps(review).encode()
        connection.request("POST", url.path or "/", body, {"Content-Type": "application/json"})
        answer: Any = json.loads(connection.getresponse().read())
    except ConnectionRefusedError as error:
        raise WebhookUnreachableError(f"dial tcp {url.netloc}: connect: connection refused") from error
    finally:
        connection.close()
    assert isinstance(answer, dict)
    return answer
