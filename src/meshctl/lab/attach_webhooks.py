"""Webhooks of a real API server that has no network to its pods: they are called at a URL of the lab on loopback.

Controllers, the operator among them, go on writing `clientConfig.service`. On the way to the API server it becomes a
URL that says the same, and on the way back it is a Service again.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from meshctl.certs.material import Material
from meshctl.lab import network
from meshctl.lab.api import ApiError
from meshctl.lab.apiserver.hooks import WebhookRejectedError, WebhookUnreachableError
from meshctl.lab.apiserver.store import copy_json
from meshctl.lab.sites import World
from meshctl.names import MUTATING_WEBHOOK, VALIDATING_WEBHOOK
from meshctl.objects import Manifest

KINDS = (MUTATING_WEBHOOK.name, VALIDATING_WEBHOOK.name)
HTTPS = 443


@dataclass(frozen=True, slots=True)
class Urls:
    """The URLs by which one cluster's API server calls webhooks; `base` ends with the cluster's context."""

    base: str

    def outgoing(self, obj: Manifest) -> Manifest:
        """Return a webhook configuration with URLs in place of Services; anything else as it is."""
        return self._with(obj, self._to_url)

    def incoming(self, obj: Manifest) -> Manifest:
        """Return a webhook configuration with the Services that its URLs stand for."""
        return self._with(obj, self._to_service)

    def _with(self, obj: Manifest, change: Callable[[Manifest], Manifest]) -> Manifest:
        if obj.get("kind") not in KINDS or not obj.get("webhooks"):
            return obj
        webhooks = [{**hook, "clientConfig": change(hook["clientConfig"])} for hook in obj["webhooks"]]
        changed: Manifest = {**copy_json(obj), "webhooks": webhooks}
        return changed

    def _to_url(self, config: Manifest) -> Manifest:
        service = config.get("service")
        if not service:
            return config
        rest = {key: value for key, value in config.items() if key != "service"}
        place = f"{service['namespace']}/{service['name']}/{service.get('port', HTTPS)}"
        return {**rest, "url": f"{self.base}/{place}{service.get('path', '')}"}

    def _to_service(self, config: Manifest) -> Manifest:
        url = str(config.get("url", ""))
        if not url.startswith(f"{self.base}/"):
            return config
        namespace, name, port, *path = url.removeprefix(f"{self.base}/").split("/")
        rest = {key: value for key, value in config.items() if key != "url"}
        service: Manifest = {"namespace": namespace, "name": name, "port": int(port)}
        service.update({"path": "/" + "/".join(path)} if path else {})
        return {**rest, "service": service}


@dataclass(frozen=True, slots=True)
class WebhookServer:
    """Takes the calls of the API servers and carries them over the lab's network; `material` is istiod's."""

    world: World
    material: Material

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one AdmissionReview; what cannot be reached ends the connection without an answer."""
        context, namespace, name, port, *path = request.path.removeprefix("/").split("/")
        # That this server's certificate was accepted proves that the caller's bundle has this root.
        bundle = base64.b64encode(self.material.root_cert).decode()
        service = {"namespace": namespace, "name": name, "port": int(port)}
        config: Manifest = {"service": service, "caBundle": bundle}
        seconds = float(request.query.get("timeout", "10s").removesuffix("s"))
        try:
            review = await network.call_webhook(
                self.world, self.world.site(context), config, "/" + "/".join(path), seconds, await request.json()
            )
        except WebhookUnreachableError:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)
        except WebhookRejectedError as error:
            return web.Response(status=404, text=error.text)
        except ApiError as error:  # what an API server refuses to tell about the network is a moment's trouble
            return web.Response(status=503, text=error.message)
        return web.json_response(review)
