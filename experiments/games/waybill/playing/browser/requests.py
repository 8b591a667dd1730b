"""What a browser may ask of a live game: requests checked before anything is done with them.

Two dangers come from other pages in the same browser. A page can send requests here (so those that change anything need
a secret in a header and this page's own Origin), and it can call its own name 127.0.0.1 (DNS rebinding: so the Host
must be ours). What is wrong is one line with a 4xx status, and the game goes on.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from email.message import Message
from typing import Any, NamedTuple

MOST_BODY_BYTES = 8192  # of a request's body: an order is a hundred
TOKEN_HEADER = "X-Waybill-Token"


class Refused(Exception):
    """A request that is no good: its status, and one line."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status, self.line = status, line


class Allowed(NamedTuple):
    """From where requests may come, and the secret of who plays."""

    hosts: frozenset[str]
    token: str

    @property
    def origins(self) -> frozenset[str]:
        """The addresses of this page as a browser sends them."""
        return frozenset(f"http://{host}" for host in self.hosts)


def allowed_at(port: int, token: str) -> Allowed:
    """Requests to this machine's own names at a port."""
    return Allowed(frozenset({f"127.0.0.1:{port}", f"localhost:{port}"}), token)


def check_source(allowed: Allowed, hosts: list[str], origin: str | None) -> None:
    """Refuse a request that was not meant for this server, or comes from another page.

    Raises:
        Refused: with its status.
    """
    if len(hosts) != 1 or hosts[0] not in allowed.hosts:
        raise Refused(403, f"Host must be one of {', '.join(sorted(allowed.hosts))}")
    if origin is not None and origin not in allowed.origins:
        raise Refused(403, "Origin is another page's")


def check_player(allowed: Allowed, headers: Message) -> None:
    """Refuse whoever may only watch.

    Raises:
        Refused: with its status.
    """
    if headers.get("Origin") is None:
        raise Refused(403, "Origin is missing")
    given = headers.get(TOKEN_HEADER) or ""
    if not hmac.compare_digest(given.encode("utf-8", "replace"), allowed.token.encode()):
        raise Refused(403, f"{TOKEN_HEADER} is not the player's: only who has the address of the terminal can play")


def body_length(headers: Message) -> int:
    """The bytes of a request's body.

    Raises:
        Refused: if it is not said, or too many.
    """
    if headers.get("Transfer-Encoding") is not None:
        raise Refused(411, "Content-Length is needed, in one piece")
    told = headers.get("Content-Length", "")
    if not (told.isascii() and told.isdigit()):
        raise Refused(411, "Content-Length is needed")
    if len(told) > 9 or int(told) > MOST_BODY_BYTES:
        raise Refused(413, f"a request has at most {MOST_BODY_BYTES} bytes")
    return int(told)


def read_fields(text: bytes, headers: Message, known: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    """The fields of a request, each of a type that it may have.

    Raises:
        Refused: if they are not what is asked for.
    """
    if headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "Content-Type must be application/json")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(400, "the request is no JSON") from None
    if not isinstance(fields, dict):
        raise Refused(400, "the request is not an object")
    if set(fields) != set(known):
        raise Refused(400, f"the request must have exactly these fields: {', '.join(known) or 'none'}")
    for name, types in known.items():
        if type(fields[name]) not in types:
            words = " or ".join("null" if kind is type(None) else kind.__name__ for kind in types)
            raise Refused(400, f"{name} must be of type {words}")
    return fields


def whole_number(query: Mapping[str, list[str]], name: str) -> int | None:
    """A whole number of an address, None if it is not there.

    Raises:
        Refused: if it is none.
    """
    if name not in query:
        return None
    text = query[name][-1]
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise Refused(400, f"{name} must be a whole number of 0 or more")
    return int(text)
