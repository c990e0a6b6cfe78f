"""Hides what looks like a credential in texts from elsewhere: tokens, keys, passwords, however they got there.

Two strengths. Sentences of meshctl and of servers pass `hide`, which never takes an ordinary word for a secret. Free
texts that nobody has chosen (logs, event messages, command lines) pass `hide_all`, which rather hides too much.
"""

import re

HIDDEN = "<hidden>"

_NAMES = (
    r"password|passwd|passphrase|client[-_]?secret|secret[-_]?key|api[-_]?key|private[-_]?key|access[-_]?key"
    r"|access[-_]?token|refresh[-_]?token|id[-_]?token|auth[-_]?token|client-key-data"
)
_VALUE = r"[^\s\"'\\,;&<>]{3,}"
_B64 = r"[\w+/=-]"

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        HIDDEN,
    ),
    # A JWT, also one that was cut off; and the base64 of a JWT or of a PEM, as Secrets hold them.
    (re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]+){0,2}"), HIDDEN),
    (re.compile(rf"\b(?:ZXlK|LS0tLS1CRUdJTi){_B64}{{16,}}"), HIDDEN),
    (re.compile(r"\b([Bb]earer\s+)[\w.~+/=-]{16,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)(authorization[\"']?\s*[:=]\s*[\"']?\w+\s+)[\w.~+/=-]{4,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(?<=://)[^/@\s\"']+@"), f"{HIDDEN}@"),
    (re.compile(r"\bsha256~[\w-]{20,}"), HIDDEN),
    (re.compile(rf"(?i)((?:{_NAMES})\\?[\"']?\s*[:=]\s*\\?[\"']?){_VALUE}"), rf"\1{HIDDEN}"),
    # istiod says `secret=istio-system/istio-remote-secret-…`, which is a name.
    (
        re.compile(rf"(?i)\b((?:token|secret|pwd|auth)=[\"']?)(?![a-z0-9.-]+/[a-z0-9.-]+(?:\s|$)){_VALUE}"),
        rf"\1{HIDDEN}",
    ),
)
_MORE: tuple[tuple[re.Pattern[str], str], ...] = (
    # The end of a key whose beginning is not in the text, and its lines alone.
    (re.compile(r"(?m)^[^\n]{1,200}\n-----END [A-Z ]*PRIVATE KEY-----"), HIDDEN),
    (re.compile(r"(?m)(?:^|(?<=\s)|(?<=\\n))[A-Za-z0-9+/]{60,}={0,2}(?=\s|$|\\n)"), HIDDEN),
    (re.compile(r"(?i)((?:token|secret|pass|pwd)\\?[\"']?\s*[:=]\s*\\?[\"'])[^\"'\\\n]{4,}"), rf"\1{HIDDEN}"),
    (re.compile(r"(?im)\b(token\s*[:=]\s*)[^\s\"'<]{12,}"), rf"\1{HIDDEN}"),
    (re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b"), HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), HIDDEN),
    (re.compile(r"\bgh[pousr]_\w{20,}"), HIDDEN),
)


def hide(text: str) -> str:
    """Return a sentence without what is surely a credential."""
    return _without(text, _RULES)


def hide_all(text: str) -> str:
    """Return a free text without whatever may be a credential; its line breaks stay."""
    return _without(text, (*_RULES, *_MORE))


def _without(text: str, rules: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, replacement in rules:
        text = pattern.sub(replacement, text)
    return text
