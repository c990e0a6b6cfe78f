"""The texts of the file: names, versions, paths, addresses and durations, each with its rule."""

import math
import re
from ipaddress import ip_address

from meshctl.spec.addresses import ADDRESS_PATTERN, SERVER_PATTERN, address_problem, server_problem
from meshctl.spec.forms import Text

LONGEST_WAIT = 24 * 3600.0

_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_VALUE = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}

# The lookahead refuses a duration of nothing: some digit must not be zero.
DURATION_PATTERN = r"(?=.*[1-9])(?:(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+|[0-9]+(?:\.[0-9]+)?)"
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")

SYSTEM_NAMESPACES = ("default", "istio-cni", "istio-system", "kube-node-lease", "kube-public", "kube-system")


def seconds(text: str) -> float | None:
    """Return the seconds of `5m`, `1h30m`, `300s` or `300`; None where it is not above zero or beyond all measure."""
    if not re.fullmatch(DURATION_PATTERN, text):
        return None
    parts = _DURATION_PART.findall(text)
    total = math.fsum(float(number) * _UNITS[unit] for number, unit in parts) if parts else float(text)
    return total if 0 < total <= LONGEST_WAIT else None


def version_numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version for comparison; a pre-release counts as its release."""
    return tuple(int(number) for number in version.partition("-")[0].split("."))


def _cluster_name_problem(name: str) -> str:
    if name != name.lower() and re.fullmatch(_LABEL, name.lower()):
        return f"{name} has a capital letter, which the names of Kubernetes objects made from it can't have"
    return ""


def _version_problem(version: str) -> str:
    if "latest" in version or version == "master":
        return (
            f"{version} is an alias, and two operators may take it for two versions; "
            "write the version itself, such as 1.28.6"
        )
    return ""


def _directory_problem(path: str) -> str:
    if ".." in path.split("/"):
        return "must not contain .., which Kubernetes refuses in a host path"
    return ""


def _image_prefix_problem(text: str) -> str:
    if "://" in text:
        return "must not have a scheme such as https://"
    if "@" in text:
        return "must not carry a user name, password or digest"
    return ""


def _namespace_problem(name: str) -> str:
    return f"{name} is not a namespace for samples" if name in SYSTEM_NAMESPACES else ""


def _no_slash(path: str) -> str:
    return path.rstrip("/")


def _annotation_key_problem(key: str) -> str:
    prefix, slash, _ = key.rpartition("/")
    return "has a prefix longer than 253 characters" if slash and len(prefix) > 253 else ""


CONTEXT = Text(r"[^\s\x00-\x1f](?:[^\x00-\x1f]*[^\s\x00-\x1f])?", "the name of a kubeconfig context")
CLUSTER_NAME = Text(
    _LABEL, "a lower-case name of letters, digits and - (at most 63, no - at the ends)", _cluster_name_problem
)
NETWORK = Text(_VALUE, "the value of a label (letters, digits, -, _ and ., at most 63, no sign at the ends)")
MESH_ID = Text(_VALUE, "a name of letters, digits, -, _ and . (at most 63, no sign at the ends)")
NAMESPACE = Text(_LABEL, "the name of a namespace (lower-case letters, digits and -, at most 63)")
SAMPLE_NAMESPACE = Text(NAMESPACE.pattern, NAMESPACE.noun, _namespace_problem)
SECRET_NAME = Text(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*", "the name of a Secret")
ISTIO_VERSION = Text(
    r"v?(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)(?:-[0-9A-Za-z]+(?:[.-][0-9A-Za-z]+)*)?",
    "a version with three numbers, such as 1.28.6",
    _version_problem,
    lambda version: version.removeprefix("v"),
)
SERVER = Text(SERVER_PATTERN, "a URL of the form https://HOST:PORT", server_problem, _no_slash)
GATEWAY_ADDRESS = Text(ADDRESS_PATTERN, "an IP address", address_problem, lambda text: str(ip_address(text)))
DIRECTORY = Text(
    r"/(?=[^\x00-\x1f:]*[^/\x00-\x1f:])[^\x00-\x1f:]+",
    "the absolute path of a directory on the nodes",
    _directory_problem,
    _no_slash,
)
KUBECONFIG = Text(r"[^\x00-\x1f]*[^\s\x00-\x1f][^\x00-\x1f]*", "the path of a kubeconfig file")
IMAGE_PREFIX = Text(
    r"[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*",
    "the beginning of an image name: HOST[:PORT][/PATH], without scheme, tag or slash at the end",
    _image_prefix_problem,
)
ANNOTATION = Text(
    rf"(?:{_LABEL}(?:\.{_LABEL})*/)?{_VALUE}", "the key of an annotation ([PREFIX/]NAME)", _annotation_key_problem
)
