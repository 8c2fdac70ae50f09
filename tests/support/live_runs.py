"""Live views to look at: a board with its server, steps to publish, and requests over a plain socket."""

import json
import socket
from contextlib import contextmanager

import numpy as np

from runs.live_view import encode_png
from runs.machine import memory_in_use
from web.board import Board, Picture, Step
from web.server import LiveServer


@contextmanager
def served(host="127.0.0.1"):
    """Serve an empty board at a free port."""
    board = Board("synthesize.py", memory_in_use)
    server = LiveServer(board, host, 0)
    server.start()
    try:
        yield board, server
    finally:
        board.end("finished", "finished; the result is saved")
        server.finish()


def step(iteration, total=100, size=(48, 64)):
    """Return a step whose loss falls."""
    terms = {"style": 2.0 / iteration, "content": 1.0 / iteration}
    return Step(iteration, total, 1 - iteration / total, size, 3.0 / iteration, terms)


def picture(iteration, height=48, width=64):
    """Return a picture of noise, another one for each iteration."""
    pixels = np.random.default_rng(iteration).random((height, width, 3), dtype=np.float32)
    return Picture(iteration, (height, width), lambda width: encode_png(pixels, width))


def send(server, method, path, **headers):
    """Send a request and return the open socket; headers that are None are left out."""
    port = server.server_address[1]
    headers = {"Host": f"127.0.0.1:{port}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.sendall("\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode())
    return connection


def request(server, method, path, **headers):
    """Send a request and return (status, headers, body) of the answer."""
    with send(server, method, path, **headers) as connection, connection.makefile("rb") as file:
        answer = file.read()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


@contextmanager
def events(server):
    """Follow the events: yield an iterator over them."""
    with send(server, "GET", "/events") as connection, connection.makefile("rb") as file:
        yield (json.loads(line.removeprefix(b"data: ")) for line in file if line.startswith(b"data: "))


def origin(server):
    """Return the header that the page's own requests have."""
    return {"Origin": f"http://127.0.0.1:{server.server_address[1]}"}
