"""A Chromium without a screen, for tests of pages; led by a pipe, so it needs no other package.

It speaks the DevTools protocol: https://chromedevtools.github.io/devtools-protocol.
"""

import base64
import contextlib
import functools
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 60.0  # seconds for one answer, on a busy machine
FLAGS = (
    "--headless",
    "--no-sandbox",  # it refuses to run for root otherwise, as in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-background-timer-throttling",  # a tab need not be in front to go on
    "--disable-renderer-backgrounding",
    "--remote-debugging-pipe",
)
# Keys by what they are called here: the DevTools' key, code and the text typed, if any.
KEYS = {
    "Tab": ("Tab", 9, ""),
    "Enter": ("Enter", 13, "\r"),
    " ": ("Space", 32, " "),
    "ArrowRight": ("ArrowRight", 39, ""),
    "ArrowLeft": ("ArrowLeft", 37, ""),
    "ArrowDown": ("ArrowDown", 40, ""),
    "Home": ("Home", 36, ""),
}


def _environment():
    """Without the sanitizers that tests may run under: they are not for Chromium."""
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


@functools.cache
def program():
    """Where Chromium is, None if it is not here, does not start, or cannot be led by a pipe."""
    if fcntl is None:
        return None
    return next(filter(_starts, filter(None, map(shutil.which, NAMES))), None)


def _starts(path):
    """Ubuntu's package of that name is a script that asks for another one."""
    try:
        asked = subprocess.run(
            [path, "--version"],
            env=_environment(),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


class Page:
    """One tab: what it says and does, and what went wrong in it."""

    def __init__(self, browser, session):
        self._browser, self._session = browser, session
        self.errors, self.asked = [], []

    def call(self, method, **parameters):
        return self._browser.call(method, parameters, self._session)

    def heard(self, event):
        method, what = event["method"], event["params"]
        if method == "Runtime.exceptionThrown":
            details = what["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and what["type"] in ("error", "warning"):
            self.errors.append(" ".join(str(a.get("value", a)) for a in what["args"]))
        elif method == "Log.entryAdded" and what["entry"]["level"] == "error":
            self.errors.append(f"{what['entry']['text']} {what['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.asked.append(what["request"]["url"])

    def evaluate(self, script):
        """The value of an expression; a promise's, once it is there."""
        result = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in result:
            raise AssertionError(result["exceptionDetails"])
        return result["result"].get("value")

    def open(self, url):
        """Go there; back when all is loaded, fonts and pictures too."""
        self.call("Page.navigate", url=url)
        self._browser.wait_for("Page.loadEventFired", self._session)
        self.evaluate("document.fonts.ready.then(() => true)")
        return self

    def wait(self, condition):
        """Until an expression is true: looked at whenever the page has drawn itself."""
        self.evaluate(
            "new Promise((done, fail) => { const began = performance.now(); const look = () => {"
            f"if ({condition}) return done(true);"
            f"if (performance.now() - began > {1000 * PATIENCE / 2})"
            f" return fail(new Error('never: ' + {json.dumps(condition)}));"
            "setTimeout(look, 10); }; look(); })"
        )

    def press(self, key):
        code, number, text = KEYS[key]
        what = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **what)
        self.call("Input.dispatchKeyEvent", type="keyUp", **what)

    def resize(self, width, height=900):
        """Make the window as wide as a desk's (1280) or a telephone's (390)."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def prefer(self, scheme):
        """'light' or 'dark'."""
        media = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=media)

    def disconnect(self):
        """Without a network from now on."""
        self.call(
            "Network.emulateNetworkConditions",
            offline=True,
            latency=0,
            downloadThroughput=0,
            uploadThroughput=0,
        )

    def picture(self, path, whole=True):
        """What is seen, as a PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"] if whole else None
        clip = {"clip": {**size, "scale": 1}} if whole else {}
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=whole, **clip)
        Path(path).write_bytes(base64.b64decode(shot["data"]))

    def too_wide(self):
        """Elements that reach beyond the page or their box; but tables of numbers scroll."""
        return self.evaluate(TOO_WIDE)


# What is wider than the window, or than its box, is cut; only tables of numbers scroll.
TOO_WIDE = """
(() => {
  const width = document.documentElement.clientWidth, found = [];
  const scrolls = element => {
    for (let e = element; e && e !== document.body; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (e.matches(".sidebar-drawer, .toc-drawer, [hidden]") ||
          e.matches(".table-wrapper:not(:has(table.cards))") ||
          style.position === "fixed" || style.clip !== "auto" || style.visibility === "hidden")
        return true;
    }
    return false;
  };
  for (const e of document.body.querySelectorAll("*")) {
    const box = e.getBoundingClientRect();
    if (box.width && box.height && (box.right > width + 1 || box.left < -1) && !scrolls(e))
      found.push(`${e.tagName}.${e.getAttribute("class") || ""} ${Math.round(box.left)} to ` +
                 `${Math.round(box.right)} of ${width}: ${e.textContent.trim().slice(0, 60)}`);
    const inside = e.matches("pre, div.math, .highlight, .output_area") && !scrolls(e);
    if (inside && e.scrollWidth > e.clientWidth + 1)
      found.push(`${e.tagName} is ${e.scrollWidth} wide in a box of ${e.clientWidth}: ` +
                 e.textContent.trim().slice(0, 60));
  }
  return found;
})()
"""


class Browser:
    """Chromium, for a ``with`` statement."""

    def __enter__(self):
        self._folder = tempfile.mkdtemp(prefix="chromium-")
        orders, self._write = os.pipe()
        self._read, answers = os.pipe()
        # Chromium reads its orders from descriptor 3 and answers on 4: out of their way first.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (orders, answers)]
        nowhere = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
        self._process = os.posix_spawn(
            program(),
            [program(), *FLAGS, f"--user-data-dir={self._folder}"],
            _environment(),
            file_actions=[
                nowhere,
                (os.POSIX_SPAWN_DUP2, 1, 2),
                (os.POSIX_SPAWN_DUP2, ends[0], 3),
                (os.POSIX_SPAWN_DUP2, ends[1], 4),
            ],
            setpgroup=0,
        )
        for end in (orders, answers, *ends):
            os.close(end)
        self._number, self._rest, self._events, self._pages = 0, b"", [], {}
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            self.call("Browser.close")
        os.close(self._write)  # which ends it, too
        with contextlib.suppress(ProcessLookupError):
            while select.select([self._read], [], [], 10)[0] and os.read(self._read, 1 << 20):
                pass
            os.killpg(self._process, signal.SIGKILL)  # what is left of it
        os.waitpid(self._process, 0)
        os.close(self._read)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _message(self):
        """The next message, an event or an answer."""
        until = time.monotonic() + PATIENCE
        while b"\0" not in self._rest:
            if not select.select([self._read], [], [], max(0.0, until - time.monotonic()))[0]:
                raise TimeoutError("Chromium does not answer")
            some = os.read(self._read, 1 << 20)
            if not some:
                raise EOFError("Chromium has ended")
            self._rest += some
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _listen(self):
        message = self._message()
        if "method" in message:
            self._events.append((message["method"], message.get("sessionId")))
            if page := self._pages.get(message.get("sessionId")):
                page.heard(message)
        return message

    def call(self, method, parameters=None, session=None):
        self._number += 1
        order = {"id": self._number, "method": method, "params": parameters or {}}
        if session:
            order["sessionId"] = session
        os.write(self._write, json.dumps(order).encode() + b"\0")
        while (message := self._listen()).get("id") != self._number:
            pass
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']['message']}")
        return message["result"]

    def wait_for(self, event, session):
        while (event, session) not in self._events:
            self._listen()
        self._events.clear()

    def page(self, width=1280, scheme="light"):
        """A new tab."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = {"targetId": target, "flatten": True}
        session = self.call("Target.attachToTarget", attached)["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        self._events.clear()
        page.resize(width)
        page.prefer(scheme)
        return page
