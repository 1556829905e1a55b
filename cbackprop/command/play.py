"""How does one watch a network learn? `cbackprop play`: a page on this machine, and its server.

The server is the standard library's, and speaks to this machine alone: it listens on 127.0.0.1, its
addresses begin with a secret that changes every time, and a page of another origin is refused (by
the name it asks for, and since it cannot send JSON). The page gets everything from here.
"""

from __future__ import annotations

import json
import secrets
import webbrowser
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from threading import Lock
from typing import Any

from cbackprop._version import __version__
from cbackprop.command.experiment import Experiment, Settings

HOST = "127.0.0.1"
MOST_BYTES = 2**16  # of a request
MOST_EXPERIMENTS = 8  # one for each window; the one longest unused goes
PAGES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    "page.js": ("page.js", "text/javascript; charset=utf-8"),
}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Refused(Exception):
    """A request that is not answered, and why."""

    def __init__(self, status: HTTPStatus, why: str):
        super().__init__(why)
        self.status = status


class Playground(ThreadingHTTPServer):
    """The server: its secret, and the experiments of the windows that are open."""

    daemon_threads = True

    def __init__(self, port: int = 0):
        super().__init__((HOST, port), Handler)
        self.secret = secrets.token_urlsafe(16)
        self.experiments: OrderedDict[str, Experiment] = OrderedDict()
        self.lock = Lock()  # one request at a time touches an experiment

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/{self.secret}/"

    def begin(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A new experiment: what it looks like, and how it is called."""
        experiment = Experiment(Settings.of(asked.get("settings", {})))
        name = str(asked.get("id") or secrets.token_hex(8))
        self.experiments[name] = experiment
        self.experiments.move_to_end(name)
        while len(self.experiments) > MOST_EXPERIMENTS:
            self.experiments.popitem(last=False)
        return {"id": name, **experiment.seen()}

    def go_on(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Some steps of an experiment, or none: what it looks like then."""
        name = str(asked.get("id"))
        if name not in self.experiments:
            raise Refused(HTTPStatus.NOT_FOUND, "this experiment is no longer there: start anew")
        self.experiments.move_to_end(name)
        experiment = self.experiments[name]
        if asked.get("steps", 0) != 0:
            experiment.step(asked["steps"], asked.get("unit", "steps"))
        return {"id": name, **experiment.seen(asked.get("example", 0))}


class Handler(BaseHTTPRequestHandler):
    """What a request gets."""

    server: Playground
    server_version = f"cbackprop/{__version__}"
    sys_version = ""
    timeout = 30  # seconds for a request to come in

    def do_GET(self) -> None:
        with self._answered():
            file, kind = self._found(PAGES)
            page = files("cbackprop.command") / "playground" / file
            self._send(HTTPStatus.OK, page.read_bytes(), kind)

    def do_POST(self) -> None:
        with self._answered():
            act = self._found({"begin": self.server.begin, "step": self.server.go_on})
            if self.headers.get_content_type() != "application/json":
                raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected JSON")
            asked = json.loads(self.rfile.read(self._length()))
            if not isinstance(asked, dict):
                raise ValueError("expected an object")
            with self.server.lock:
                answer = act(asked)
            self._send(HTTPStatus.OK, json.dumps(answer, allow_nan=False).encode())

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """Whatever goes wrong is said, in JSON."""
        try:
            yield
        except Refused as error:
            self._refuse(error.status, error)
        except (ValueError, TypeError) as error:
            self._refuse(HTTPStatus.BAD_REQUEST, error)

    def _found(self, places: dict[str, Any]) -> Any:
        """What stands at the request's address, for those who know the secret."""
        if self.headers.get("Host") not in {
            f"{name}:{self.server.port}" for name in (HOST, "localhost")
        }:
            raise Refused(HTTPStatus.FORBIDDEN, "asked by another name")
        root, _, place = self.path.lstrip("/").partition("/")
        if not secrets.compare_digest(root.encode(), self.server.secret.encode()):
            raise Refused(HTTPStatus.FORBIDDEN, "the address is the one that `cbackprop play` says")
        if place not in places or not self.path.startswith("/"):
            raise Refused(HTTPStatus.NOT_FOUND, "there is nothing here")
        return places[place]

    def _length(self) -> int:
        length = int(self.headers.get("Content-Length", "-1"))
        if not 0 <= length <= MOST_BYTES:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {MOST_BYTES} bytes")
        return length

    def _refuse(self, status: HTTPStatus, why: Exception) -> None:
        self.close_connection = True  # what it has sent besides is not read
        self._send(status, json.dumps({"error": str(why)}).encode())

    def _send(self, status: HTTPStatus, body: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": kind}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Silence: the terminal says where the page is, and nothing else."""


def play(port: int, *, open_browser: bool) -> int:
    """Serve the page until Ctrl-C."""
    with Playground(port) as server:
        print(f"The playground is at {server.url}", flush=True)
        print("Ctrl-C ends it.", flush=True)
        if open_browser:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0
