"""curl, as far as the lab speaks it: its command line, its globbing, its words for what went wrong."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from urllib.parse import urlsplit

VERSION = "8.16.0"
NO_HOST, NO_CONNECTION, TOO_LATE = 6, 7, 28
"""Exit codes of transfers that never had a connection; in the lab, nothing is late once it is connected."""

_FLAGS = {
    "-s": "silent",
    "--silent": "silent",
    "-S": "show_error",
    "--show-error": "show_error",
    "-Z": "parallel",
    "--parallel": "parallel",
    "-f": "fail",
    "--fail": "fail",
    "-k": "",
    "--insecure": "",
    "-L": "",
    "--location": "",
    "-v": "",
    "--verbose": "",
    "-i": "include",
    "--include": "include",
    "-4": "",
    "--ipv4": "",
    "--http1.1": "",
    "--no-progress-meter": "",
    "-N": "",
    "--no-buffer": "",
    "--parallel-immediate": "",
    "-g": "globoff",
    "--globoff": "globoff",
    "--compressed": "",
}
_VALUES = {
    "-m": "max_time",
    "--max-time": "max_time",
    "--connect-timeout": "connect_timeout",
    "-w": "write_out",
    "--write-out": "write_out",
    "-o": "output",
    "--output": "output",
    "--cacert": "",
    "-H": "",
    "--header": "",
    "-A": "",
    "--user-agent": "",
    "--parallel-max": "",
    "--retry": "",
    "--retry-delay": "",
    "-X": "",
    "--request": "",
}
_BRACES = re.compile(r"\{([^{}]*)\}|\[(\d+)-(\d+)\]")


class UsageError(Exception):
    """The command line is not one that curl takes; carries what it says and its exit code."""

    def __init__(self, text: str, code: int = 2) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


@dataclass(frozen=True, slots=True)
class Options:
    """What a command line asks for. Times are in seconds, 0 for no limit."""

    urls: tuple[str, ...] = ()
    silent: bool = False
    show_error: bool = False
    parallel: bool = False
    fail: bool = False
    include: bool = False
    max_time: float = 0.0
    connect_timeout: float = 0.0
    write_out: str = ""
    discard: bool = False


@dataclass(frozen=True, slots=True)
class Url:
    """A URL taken apart; `host` and `text` as they were written."""

    host: str
    port: int
    path: str
    tls: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What one transfer came to: an HTTP answer, or curl's exit code and its sentence."""

    body: str = ""
    status: int = 0
    code: int = 0
    error: str = ""

    @property
    def connected(self) -> bool:
        """Whether there was a connection at all."""
        return self.code not in (NO_HOST, NO_CONNECTION, TOO_LATE)


def expand(url: str) -> list[str]:
    """Return the URLs that a glob stands for: {a,b} and [1-3], every combination."""
    choices: list[list[str]] = []
    end = 0
    for found in _BRACES.finditer(url):
        choices.append([url[end : found.start()]])
        if found[1] is not None:
            choices.append(found[1].split(","))
        else:
            choices.append([str(number) for number in range(int(found[2]), int(found[3]) + 1)])
        end = found.end()
    return ["".join(parts) for parts in product(*choices, [url[end:]])]


def parse(argv: Sequence[str]) -> Options:
    """Read the arguments after `curl`; raise UsageError."""
    flags: set[str] = set()
    values: dict[str, str] = {}
    urls: list[str] = []
    words = iter(_words(argv))
    for word in words:
        if word in _FLAGS:
            flags.add(_FLAGS[word])
        elif word in _VALUES:
            value = next(words, None)
            if value is None:
                raise UsageError(f"curl: option {word}: requires parameter\n{_MANUAL}")
            values[_VALUES[word]] = value
        elif word.startswith("-") and word != "-":
            raise UsageError(f"curl: option {word}: is unknown\n{_MANUAL}")
        else:
            urls += [word] if "globoff" in flags else expand(word)
    if not urls:
        raise UsageError(f"curl: (2) no URL specified\n{_MANUAL}")
    return Options(
        tuple(urls),
        silent="silent" in flags,
        show_error="show_error" in flags,
        parallel="parallel" in flags,
        fail="fail" in flags,
        include="include" in flags,
        max_time=_seconds("--max-time", values.get("max_time", "0")),
        connect_timeout=_seconds("--connect-timeout", values.get("connect_timeout", "0")),
        write_out=values.get("write_out", ""),
        discard=values.get("output") == "/dev/null",
    )


_MANUAL = "curl: try 'curl --help' or 'curl --manual' for more information"


def _words(argv: Sequence[str]) -> Iterator[str]:
    """Take clustered short options apart: -sS, -m5."""
    for word in argv:
        if not word.startswith("-") or word.startswith("--") or len(word) <= 2:
            yield word
            continue
        for place in range(1, len(word)):
            yield f"-{word[place]}"
            if f"-{word[place]}" in _VALUES:
                if rest := word[place + 1 :]:
                    yield rest
                break


def _seconds(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"curl: option {option}: expected a proper numerical parameter\n{_MANUAL}") from None


def split(url: str) -> Url:
    """Take a URL apart; without a scheme it is HTTP."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise UsageError(
            "curl: (3) URL rejected: Port number was not a decimal number between 0 and 65535", 3
        ) from None
    return Url(parts.hostname or "", port, parts.path or "/", parts.scheme == "https", url)


def shown(options: Options, url: Url, reply: Reply) -> tuple[str, str]:
    """Return what curl writes to stdout and to stderr for one transfer."""
    failed = options.fail and reply.status >= 400
    error, body = reply.error, reply.body
    if failed:
        error, body = f"curl: (22) The requested URL returned error: {reply.status}", ""
    if options.include and reply.status:
        body = f"HTTP/1.1 {reply.status}\r\n\r\n{body}"
    out = "" if options.discard else body
    out += _written(options.write_out, url, reply)
    return out, f"{error}\n" if error and (options.show_error or not options.silent) else ""


def exit_code(options: Options, replies: Sequence[Reply]) -> int:
    """Return curl's exit code: that of the last transfer that failed when they ran in parallel, else of the last."""
    codes = [22 if options.fail and reply.status >= 400 else reply.code for reply in replies]
    if options.parallel:
        return next((code for code in reversed(codes) if code), 0)
    return codes[-1] if codes else 0


def _written(template: str, url: Url, reply: Reply) -> str:
    values = {
        "url": url.text,
        "time_connect": "0.001104" if reply.connected else "0.000000",
        "http_code": f"{reply.status:03d}",
        "response_code": f"{reply.status:03d}",
        "exitcode": str(reply.code),
        "errormsg": reply.error.partition(") ")[2],
        "size_download": str(len(reply.body)),
        "time_total": "0.004",
        "num_connects": "1",
    }
    text = re.sub(r"%\{(\w+)\}", lambda found: values.get(found[1], ""), template)
    return text.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r")
