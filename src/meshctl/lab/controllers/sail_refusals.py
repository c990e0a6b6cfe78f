"""What a real API server refuses in the objects that charts render, in its words.

The lab's own API server does not check these fields; a real one gives the same answer after this one.
"""

import ipaddress
import re

from meshctl.objects import Manifest, dig

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    f"'{_SUBDOMAIN.pattern}')"
)


def refusal(obj: Manifest) -> str:
    """Return why the object is invalid, as the API server says it, or nothing."""
    check = {
        "Service": _service,
        "EndpointSlice": _endpoint_slice,
        "MutatingWebhookConfiguration": _webhooks,
    }.get(obj["kind"])
    problems = check(obj) if check else []
    if not problems:
        return ""
    group = obj["apiVersion"].rpartition("/")[0]
    kind = f"{obj['kind']}.{group}" if group else obj["kind"]
    listed = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
    return f'{kind} "{obj["metadata"]["name"]}" is invalid: {listed}'


def _service(obj: Manifest) -> list[str]:
    name = str(dig(obj, "spec", "externalName") or "")
    if dig(obj, "spec", "type") != "ExternalName" or _SUBDOMAIN.fullmatch(name):
        return []
    return [f'spec.externalName: Invalid value: "{name}": {_RULE}']


def _webhooks(obj: Manifest) -> list[str]:
    return [
        f'webhooks[{place}].clientConfig.service.path: Invalid value: "{path}": {problem}'
        for place, webhook in enumerate(obj.get("webhooks") or [])
        for path in [str(dig(webhook, "clientConfig", "service", "path") or "")]
        for problem in [_path(path)]
        if problem
    ]


def _path(path: str) -> str:
    if not path.startswith("/"):
        return "must start with a '/'" if path else ""
    for place, segment in enumerate(path[1:].split("/")):
        if not segment:
            return f"segment[{place}] may not be empty"
        if not _SUBDOMAIN.fullmatch(segment):
            return f"segment[{place}]: {_RULE}"
    return ""


def _endpoint_slice(obj: Manifest) -> list[str]:
    found = []
    for place, endpoint in enumerate(obj.get("endpoints") or []):
        for number, address in enumerate(endpoint["addresses"]):
            if problem := _address(address):
                found.append(f'endpoints[{place}].addresses[{number}]: Invalid value: "{address}": {problem}')
    return found


def _address(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
    ranges = (
        (ip.is_unspecified, f"may not be unspecified ({ip})"),
        (ip.is_loopback, "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
        (ip.is_link_local, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
        (ip.is_multicast, "may not be in the multicast range (224.0.0.0/24, ff02::/10)"),
    )
    return next((text for wrong, text in ranges if wrong), "")
