"""Opens pages in a headless Chromium over the DevTools protocol, and says what a reader would complain about."""

import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websocket import WebSocket, create_connection

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # a page that asks for something must not get it from a cache
    "--remote-debugging-port=0",
)
SECONDS = 60.0
SMALLEST, FAINTEST = 11.0, 4.5
"""Pixels of the smallest text, and the contrast of the faintest (WCAG AA)."""


@dataclass(frozen=True, slots=True)
class Screen:
    """A screen to look at a page with."""

    name: str
    width: int
    height: int
    dark: bool

    @property
    def mobile(self) -> bool:
        """Whether it is a phone's."""
        return self.width < 600


SCREENS = tuple(
    Screen(f"{name}-{'dark' if dark else 'light'}", width, height, dark)
    for name, width, height in (("phone", 390, 844), ("desktop", 1280, 800))
    for dark in (False, True)
)


@dataclass(slots=True)
class Browser:
    """A connection to a running Chromium."""

    socket: WebSocket
    session: str = ""
    number: int = 0
    events: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, method: str, **params: Any) -> Any:
        """Send one command and return its result; events that come meanwhile are kept."""
        self.number += 1
        command = {"id": self.number, "method": method, "params": params}
        self.socket.send(json.dumps(command | ({"sessionId": self.session} if self.session else {})))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") != self.number:
                self.events.append(message)
            elif "error" in message:
                raise RuntimeError(f"{method}: {message['error']}")
            else:
                return message["result"]

    def wait(self, method: str) -> None:
        """Return when this event has come."""
        while not any(event.get("method") == method for event in self.events):
            self.events.append(json.loads(self.socket.recv()))


def program() -> str | None:
    """Return Chromium's path, None where there is none."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """Run a Chromium that keeps nothing."""
    with tempfile.TemporaryDirectory(prefix="pages-", ignore_cleanup_errors=True) as profile:
        command = [path, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            connection = create_connection(_address(process), timeout=SECONDS, suppress_origin=True)
            try:
                yield Browser(connection)
            finally:
                connection.close()
        finally:
            process.terminate()
            process.communicate()


def _address(process: "subprocess.Popen[str]") -> str:
    for line in process.stderr or ():
        if line.startswith("DevTools listening on "):
            return line.split()[-1]
    raise RuntimeError("Chromium ended without listening")


def look(browser: Browser, page: Path, screen: Screen, picture: Path) -> list[str]:
    """Open a page on a screen, take its picture, and return every complaint."""
    browser.session = ""
    target = browser.ask("Target.createTarget", url="about:blank")["targetId"]
    session = browser.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    browser.session, browser.events = session, []
    for domain in ("Page", "Runtime", "Log", "Network"):
        browser.ask(f"{domain}.enable")
    browser.ask(
        "Emulation.setDeviceMetricsOverride",
        width=screen.width,
        height=screen.height,
        deviceScaleFactor=1,
        mobile=screen.mobile,
    )
    scheme = {"name": "prefers-color-scheme", "value": "dark" if screen.dark else "light"}
    browser.ask("Emulation.setEmulatedMedia", features=[scheme])
    url = page.resolve().as_uri()
    browser.ask("Page.navigate", url=url)
    browser.wait("Page.loadEventFired")
    answer = browser.ask(
        "Runtime.evaluate", expression=f"({LOOK})({screen.width}, {SMALLEST}, {FAINTEST})", returnByValue=True
    )
    size = browser.ask("Page.getLayoutMetrics")["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": screen.width, "height": size["height"], "scale": 1}
    shot = browser.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]
    picture.write_bytes(base64.b64decode(shot))
    complaints = [*_heard(browser.events, url), *answer["result"]["value"]]
    browser.session = ""
    browser.ask("Target.closeTarget", targetId=target)
    return [f"{page.name} on {screen.name}: {text}" for text in dict.fromkeys(complaints)]


def _heard(events: list[dict[str, Any]], url: str) -> Iterator[str]:
    """Yield what the page said and asked for while it was opened."""
    for event in events:
        params = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                asked = params["request"]["url"]
                if asked != url and not asked.startswith("data:"):
                    yield f"asks for {asked}"
            case "Runtime.exceptionThrown":
                yield f"exception: {params['exceptionDetails']['text']}"
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "assert", "warning"):
                yield f"console: {params['args']}"
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                yield f"log: {params['entry']['text']}"


LOOK = """
(screen, smallest, faintest) => {
  const found = [], width = Math.max(document.documentElement.scrollWidth, document.body.scrollWidth);
  if (width > screen) found.push(`is ${width} wide, the screen ${screen}`);
  const numbers = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
    return (high + .05) / (low + .05);
  };
  const ground = (element) => {
    for (let here = element; here; here = here.parentElement) {
      const colour = numbers(getComputedStyle(here).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  for (const element of document.body.querySelectorAll("*")) {
    const own = [...element.childNodes].some((one) => one.nodeType === Node.TEXT_NODE && one.data.trim());
    const box = element.getBoundingClientRect();
    if (!own || !box.width || !element.checkVisibility()) continue;
    const style = getComputedStyle(element), svg = element.ownerSVGElement;
    const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
    const size = parseFloat(style.fontSize) * scale, what = element.textContent.trim().slice(0, 30);
    if (size < smallest) found.push(`text of ${size.toFixed(1)} px: ${what}`);
    const ratio = contrast(numbers(svg ? style.fill : style.color).slice(0, 3), ground(element));
    if (ratio < faintest) found.push(`contrast of ${ratio.toFixed(1)}: ${what}`);
    if (box.right > screen + 1 && !element.closest(".wide")) found.push(`runs out of the screen: ${what}`);
    if (svg && box.right > svg.getBoundingClientRect().right + 1) found.push(`runs out of the picture: ${what}`);
  }
  return found;
}
"""
