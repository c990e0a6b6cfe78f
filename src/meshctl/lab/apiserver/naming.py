"""Names and their rules: RFC 1123 and 1035 names, label values, generated names."""

import re
import secrets

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def subdomain_problem(name: str) -> str:
    """Say why a name is no DNS subdomain; empty when it is one."""
    if _SUBDOMAIN.fullmatch(name):
        return "must be no more than 253 characters" if len(name) > 253 else ""
    return (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
        "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
        r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    )


def label_problem(name: str) -> str:
    """Say why a name is no DNS label; empty when it is one."""
    if _LABEL.fullmatch(name):
        return "must be no more than 63 characters" if len(name) > 63 else ""
    return (
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
        "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
    )


def service_name_problem(name: str) -> str:
    """Say why a name cannot be a Service's; empty when it can."""
    if _LABEL_1035.fullmatch(name):
        return "must be no more than 63 characters" if len(name) > 63 else ""
    return (
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
        "character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation "
        "is '[a-z]([-a-z0-9]*[a-z0-9])?')"
    )


def path_name_problem(name: str) -> str:
    """Say why a name cannot be one step of a path (what RBAC objects need)."""
    if name in (".", ".."):
        return f"may not be '{name}'"
    return next((f"may not contain '{letter}'" for letter in "/%" if letter in name), "")


def label_value_problem(value: str) -> str:
    """Say why a text cannot be the value of a label; empty when it can."""
    if len(value) > 63:
        return "must be no more than 63 bytes"
    if _VALUE.fullmatch(value):
        return ""
    return (
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
        "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
        "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
    )


def generate(prefix: str) -> str:
    """Return a new name that begins with `prefix`."""
    return prefix[:58] + "".join(secrets.choice(_LETTERS) for _ in range(5))
