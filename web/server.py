"""The server of the live view."""

from __future__ import annotations

import errno
import json
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from web.access import is_loopback, refusal
from web.board import Board, Picture
from web.request import RequestError, body_length, local_address

PAGE = Path(__file__).parent / "page"
SCRIPTS = ("view", "chart", "follow", "format", "worker")
FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    **{f"/{name}.js": (f"{name}.js", "text/javascript; charset=utf-8") for name in SCRIPTS},
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
    "Connection": "close",
}
# Each is a thread. Where there are as many, the one that has been sending its request for the longest makes room.
MAX_CONNECTIONS = 128
# Seconds within which a request must have arrived as a whole, and that a new one waits for another to make room.
REQUEST_TIME, ROOM_WAIT = 10.0, 0.5
# After so many seconds without progress of a request or an answer its viewer is given up.
PATIENCE = 20.0
# Seconds between two events to the same viewer, with news and without.
PACE, HEARTBEAT = 0.25, 1.0
# How long /image waits for the present iteration's picture, where nobody had asked for pictures before.
PICTURE_WAIT = 5.0
# How long viewers have, after the end of a run, to fetch its last picture.
LINGER = 5.0
CHUNK = 1 << 16
# Seconds after which the server notices that it is to close.
POLL = 0.1


class ListenError(OSError):
    """The server cannot listen where it was asked to."""


class LiveServer(ThreadingHTTPServer):
    """Serves a board from threads of its own, from `start` to `finish`.

    Args:
        board: what it shows.
        host: name or address to listen on.
        port: to listen on; 0: any free one, see `url`.

    Raises:
        ListenError: the port is taken or not allowed, or the host is not this machine's.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, board: Board, host: str, port: int) -> None:
        self.board = board
        self.host = host
        self.connections = threading.BoundedSemaphore(MAX_CONNECTIONS)
        # Connections whose requests have not arrived as a whole, in the order of their beginning -> until when.
        self.incomplete: dict[Any, float] = {}
        try:
            self.address_family, _, _, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            super().__init__((str(address[0]), int(address[1])), Handler)
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or error
            if getattr(error, "errno", None) == errno.EADDRINUSE:
                why = f"{why}; `port` 0 takes any free port"
            raise ListenError(f"`web` cannot listen on `host` {host} `port` {port}: {why}") from error
        self.address = str(self.server_address[0])

    def server_bind(self) -> None:
        """Listen, without the look-up of this machine's full name with which HTTPServer may wait for seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    @property
    def url(self) -> str:
        """The address of the page."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.server_address[1]}/"

    @property
    def is_public(self) -> bool:
        """Whether other machines can reach it."""
        return not is_loopback(self.address)

    def start(self) -> None:
        """Begin to answer."""
        threading.Thread(target=self.serve_forever, args=(POLL,), name="live view", daemon=True).start()

    def finish(self) -> None:
        """Let the pages that follow the run fetch its end, for LINGER seconds at most, and close."""
        deadline = time.monotonic() + LINGER
        with suppress(KeyboardInterrupt):  # the result is there already: somebody does not want to wait for the page
            while self.board.viewers and time.monotonic() < deadline:
                time.sleep(0.05)
        self.shutdown()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, unless there are too many that have sent their requests."""
        if self.connections.acquire(blocking=False) or self._make_room():
            self.incomplete[request] = time.monotonic() + REQUEST_TIME
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def _make_room(self) -> bool:
        """End the oldest connection that is still sending its request; say whether a thread is free."""
        oldest = next(iter(list(self.incomplete)), None)
        if oldest is None:
            return False
        self._hang_up(oldest)
        return self.connections.acquire(timeout=ROOM_WAIT)

    def service_actions(self) -> None:
        """End connections that send their requests too slowly."""
        now = time.monotonic()
        for request, deadline in list(self.incomplete.items()):
            if deadline < now:
                self._hang_up(request)

    def _hang_up(self, request: Any) -> None:
        """Let the thread that reads from a connection find its end."""
        self.incomplete.pop(request, None)
        with suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room for another connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.incomplete.pop(request, None)
            self.connections.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over viewers that have gone away; tell of anything else."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: LiveServer
    server_version = "live-view"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # else requests that are not understood are answered without a status
    timeout = PATIENCE

    def setup(self) -> None:
        """Give up peers that vanished without a word after PATIENCE too (Linux)."""
        super().setup()
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(PATIENCE * 1000))

    def parse_request(self) -> bool:
        """Read a request with its body, which nothing needs; answer one that is not understood, and return False."""
        if not super().parse_request():
            return False
        try:
            self.path = local_address(self.path, self.headers)
            length = body_length(self.headers)
        except RequestError as error:
            self._tell(error.status, str(error))
            return False
        return len(self.rfile.read(length)) == length

    def handle_expect_100(self) -> bool:
        """Let a client send its body, by a line without the headers of an answer."""
        self.send_response_only(HTTPStatus.CONTINUE)
        super().end_headers()
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what http.server does not understand, without the words of the request that its messages repeat."""
        self._tell(HTTPStatus(code), HTTPStatus(code).phrase)

    def do_HEAD(self) -> None:
        """Answer HEAD like GET, without a body."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer GET."""
        answers: dict[str, Callable[[], None]] = {
            "/image": self._image,
            "/download": self._download,
            "/events": self._events,
            **dict.fromkeys(FILES, self._file),
        }
        self._answer(answers, other={"/stop": "POST"})

    def do_POST(self) -> None:
        """Answer POST."""
        self._answer({"/stop": self._stop}, other=dict.fromkeys(("/image", "/download", "/events", *FILES), "GET"))

    def _answer(self, answers: dict[str, Callable[[], None]], other: dict[str, str]) -> None:
        """Call the answer for this path; `other`: the method that other paths need."""
        self.server.incomplete.pop(self.connection, None)
        path = self.path.partition("?")[0]
        why = refusal(self.headers, self.command, path, self.server.host, self.server.address)
        if why is not None:
            self._tell(HTTPStatus.FORBIDDEN, f"refused: {why}")
        elif path in answers:
            answers[path]()
        elif path in other:
            self._tell(HTTPStatus.METHOD_NOT_ALLOWED, f"{path} needs {other[path]}", {"Allow": other[path]})
        else:
            self._tell(HTTPStatus.NOT_FOUND, "there is no such page")

    def _file(self) -> None:
        name, kind = FILES[self.path.partition("?")[0]]
        self._send((PAGE / name).read_bytes(), kind)

    def _image(self) -> None:
        """Send the picture, made smaller where the query names a width."""
        query = parse_qs(self.path.partition("?")[2])
        width = query.get("w", [None])[-1]
        if width is not None and not (width.isascii() and width.isdecimal() and len(width) <= 6):
            self._tell(HTTPStatus.BAD_REQUEST, "w must be a number of pixels")
            return
        self._send_picture(None if width is None else int(width), {})

    def _download(self) -> None:
        self._send_picture(None, {"Content-Disposition": 'attachment; filename="{name}-{iteration}.png"'})

    def _send_picture(self, width: int | None, headers: dict[str, str]) -> None:
        picture = self._latest_picture()
        if picture is None:
            self._tell(HTTPStatus.SERVICE_UNAVAILABLE, "there is no picture yet", {"Retry-After": "2"})
            return
        name = self.server.board.name.removesuffix(".py")
        filled = {key: value.format(name=name, iteration=picture.iteration) for key, value in headers.items()}
        self._send(picture.png(width), "image/png", filled | {"X-Iteration": str(picture.iteration)})

    def _latest_picture(self) -> Picture | None:
        """Return the present iteration's picture; an older one if somebody keeps it fresh or the wait gets long."""
        board = self.server.board
        is_kept_fresh = board.is_watched
        picture = board.picture()
        deadline = time.monotonic() + PICTURE_WAIT
        while not board.is_current and not (is_kept_fresh and picture) and time.monotonic() < deadline:
            time.sleep(0.05)
            picture = board.picture()
        return picture

    def _stop(self) -> None:
        self.server.board.ask_to_stop()
        self._send(b"stopping\n", "text/plain; charset=utf-8")

    def _events(self) -> None:
        """Send the state as server-sent events: the latest whenever this viewer is ready, until the run's end."""
        board = self.server.board
        self._start(HTTPStatus.OK, {"Content-Type": "text/event-stream"})
        if self.command == "HEAD":
            return
        self.wfile.write(b"retry: 1000\n\n")
        iteration = -1
        with board.viewer():
            while True:
                version, has_ended = board.version, board.has_ended
                news = board.news(iteration)
                self.wfile.write(f"data: {json.dumps(news)}\n\n".encode())
                iteration = news["iteration"]
                if has_ended:
                    self._wait(LINGER)
                    return
                if self._wait(PACE):
                    return
                next_beat = time.monotonic() + HEARTBEAT - PACE
                while board.version == version and time.monotonic() < next_beat:
                    if self._wait(PACE):
                        return

    def _wait(self, seconds: float) -> bool:
        """Wait, and say whether the viewer has gone away; it sends nothing else after its request."""
        self.connection.settimeout(seconds)
        try:
            self.connection.recv(1)
        except TimeoutError:
            return False
        finally:
            self.connection.settimeout(self.timeout)
        return True

    def _tell(self, status: HTTPStatus, text: str, headers: dict[str, str] | None = None) -> None:
        self._send(f"{text}\n".encode(), "text/plain; charset=utf-8", headers, status)

    def _send(
        self,
        body: bytes,
        kind: str,
        headers: dict[str, str] | None = None,
        status: HTTPStatus = HTTPStatus.OK,
    ) -> None:
        self._start(status, {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})})
        if self.command == "HEAD":
            return
        # In pieces: each may take PATIENCE, the whole as long as it needs.
        for start in range(0, len(body), CHUNK):
            self.wfile.write(body[start : start + CHUNK])

    def _start(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def end_headers(self) -> None:
        """Add the headers that all answers have, those of BaseHTTPRequestHandler's own errors too."""
        self.close_connection = True
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Keep silent: the terminal belongs to the run."""
