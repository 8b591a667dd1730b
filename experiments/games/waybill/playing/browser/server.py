"""The page of a live game, served on this machine alone: its data, its changes, and what a browser asks for.

No file is ever served: there are five addresses to read and six to write to, and everything they answer is made here.
"""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from experiments.common.door import one_line
from experiments.games.waybill.playing.browser.desk import Desk
from experiments.games.waybill.playing.browser.requests import (
    Allowed,
    Refused,
    allowed_at,
    body_length,
    check_player,
    check_source,
    read_fields,
)
from groundwork.errors import WaybillError

ADDRESS = "127.0.0.1"
MOST_WAITING = 32  # browsers that wait for changes at once
CONTENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ALWAYS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": CONTENT_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class GameServer(ThreadingHTTPServer):
    """Serves one game until it is shut down.

    Raises:
        WaybillError: in one line, if the port is taken.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, desk: Desk, *, port: int, token: str) -> None:
        self.desk, self.waiting = desk, threading.BoundedSemaphore(MOST_WAITING)
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise WaybillError(f"--port={port} cannot be used: {error.strerror}; choose another one") from None
        self.allowed: Allowed = allowed_at(self.server_address[1], token)

    @property
    def address(self) -> str:
        """Where to watch."""
        return f"http://{ADDRESS}:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no news; anything else is a bug and keeps its traceback."""
        import sys

        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: GameServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "Waybill", ""
    timeout = 40.0  # seconds that a connection may be silent

    def do_GET(self) -> None:
        self._answer(self._read)

    def do_POST(self) -> None:
        self._answer(self._write)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # any other method
            return lambda: self._answer(self._no_such_method)
        raise AttributeError(name)

    def _answer(self, act: Callable[[], tuple[str, bytes]]) -> None:
        """Do what is asked, or say in one line why not."""
        try:
            check_source(self.server.allowed, self.headers.get_all("Host") or [], self.headers.get("Origin"))
            self._send(200, *act())
        except Refused as refused:
            self._refuse(refused.status, refused.line)
        except WaybillError as error:
            self._refuse(409, str(error))
        except (ConnectionError, TimeoutError):  # of the browser
            raise
        except Exception as error:  # a bug: its traceback is for the terminal
            traceback.print_exc()
            self._refuse(500, one_line(error))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What is no request at all, as Python's server finds it: one line like all others."""
        self._refuse(code, message or "this is no request")

    def _refuse(self, status: int, line: str) -> None:
        self.close_connection = True  # what else it may have sent is not read
        content = json.dumps({"error": " ".join(line.split())}).encode()
        self._send(status, "application/json", content)

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        for name, value in {**ALWAYS, "Content-Type": kind, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        if status == 405:
            self.send_header("Allow", "GET, POST")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if getattr(self, "command", None) != "HEAD":
            self.wfile.write(content)

    def _read(self) -> tuple[str, bytes]:
        parts = urlsplit(self.path)
        if parts.path == "/":
            return "text/html; charset=utf-8", self.server.desk.page().encode()
        reads = self.server.desk.reads
        if parts.path not in reads:
            raise self._unknown(parts.path, self.server.desk.writes)
        query = parse_qs(parts.query, keep_blank_values=True, max_num_fields=8)
        if parts.path != "/news":
            return "application/json", json.dumps(reads[parts.path](query)).encode()
        if not self.server.waiting.acquire(blocking=False):
            raise Refused(429, f"{MOST_WAITING} browsers are waiting already")
        try:
            return "application/json", json.dumps(reads[parts.path](query)).encode()
        finally:
            self.server.waiting.release()

    def _write(self) -> tuple[str, bytes]:
        path = urlsplit(self.path).path
        writes = self.server.desk.writes
        if path not in writes:
            raise self._unknown(path, {"/": None, **self.server.desk.reads})
        check_player(self.server.allowed, self.headers)
        act, known = writes[path]
        text = self.rfile.read(body_length(self.headers))
        return "application/json", json.dumps(act(**read_fields(text, self.headers, known))).encode()

    def _no_such_method(self) -> tuple[str, bytes]:
        raise Refused(405, "only GET and POST are answered")

    def _unknown(self, path: str, others: Any) -> Refused:
        if path in others:
            return Refused(405, f"{path} is not asked for by {self.command}")
        return Refused(404, "there is nothing at this address")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal is for the person."""
