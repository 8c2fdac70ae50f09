"""What the head of a request says of its address and its body."""

from __future__ import annotations

import re
from email.message import Message
from http import HTTPStatus

# Bytes; no page sends any.
MAX_BODY = 1 << 16
# An address with the server in it, as a program sends it that takes this server for a proxy.
ABSOLUTE = re.compile(r"http://(?P<server>[^/?#]*)(?P<path>.*)", re.IGNORECASE)


class RequestError(Exception):
    """A request that is not understood; `status` and the message are the answer."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def local_address(address: str, headers: Message) -> str:
    """Return the address that a request asks for, path and query, without the server.

    Raises:
        RequestError: it is for another server than the Host header.
    """
    absolute = ABSOLUTE.fullmatch(address)
    if absolute is None:
        return address
    if absolute["server"] != headers.get("Host"):
        raise RequestError(HTTPStatus.BAD_REQUEST, "the address and the Host header name different servers")
    return absolute["path"] if absolute["path"].startswith("/") else "/" + absolute["path"]


def body_length(headers: Message) -> int:
    """Return how many bytes follow the head of a request.

    Raises:
        RequestError: headers are garbled, the length is not given or no number, or it is above MAX_BODY.
    """
    if headers.defects:
        raise RequestError(HTTPStatus.BAD_REQUEST, "the headers are garbled")
    if "Transfer-Encoding" in headers:
        raise RequestError(HTTPStatus.LENGTH_REQUIRED, "a body needs a Content-Length")
    lengths = headers.get_all("Content-Length", ["0"])
    if len(lengths) != 1 or not re.fullmatch(r"[0-9]+", lengths[0], re.ASCII):
        raise RequestError(HTTPStatus.BAD_REQUEST, "Content-Length must be a number")
    if len(lengths[0]) > 20 or int(lengths[0]) > MAX_BODY:
        raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body may have {MAX_BODY} bytes")
    return int(lengths[0])
