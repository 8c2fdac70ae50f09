"""The server of the live view, over real sockets."""

import io
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import numpy as np
import pytest
from PIL import Image
from support.live_runs import events, origin, picture, request, send, served, step

from web import server as module
from web.board import Board
from web.server import FILES, ListenError, LiveServer


@pytest.fixture
def live(monkeypatch):
    monkeypatch.setattr(module, "LINGER", 0.3)  # these viewers do not hang up at the end as the page does
    with served() as (board, server):
        yield board, server


def pixels_of(file):
    return np.asarray(Image.open(io.BytesIO(file)))


@pytest.mark.parametrize("path", FILES)
def test_the_page_s_files_are_served_with_a_policy_that_lets_nothing_else_in(live, path):
    status, headers, body = request(live[1], "GET", path)
    assert (status, headers["Content-Type"]) == (200, FILES[path][1])
    assert len(body) == int(headers["Content-Length"]) > 100
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["style-src"] == "'self'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers
    # Nothing comes from elsewhere: the only address is the namespace of SVG.
    assert set(re.findall(rb"\w*:?//\w[^\s\"]*", body)) <= {b"http://www.w3.org/2000/svg"}


def test_what_is_not_there(live):
    assert request(live[1], "GET", "/../errors.py")[0] == 404
    assert request(live[1], "GET", "/page/view.js")[0] == 404
    status, headers, _ = request(live[1], "GET", "/stop")
    assert (status, headers["Allow"]) == (405, "POST")
    assert request(live[1], "POST", "/image", **origin(live[1]))[1]["Allow"] == "GET"
    assert request(live[1], "DELETE", "/")[0] == 501
    assert request(live[1], "GET", "https://[/")[0] == 404
    assert not live[0].stop_wanted.is_set()


@pytest.mark.parametrize("path", ["/", "/image", "/download", "/events"])
@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Host": None}, {"Origin": "http://evil.example"}, {"Sec_Fetch_Site": "cross-site"}],
    ids=str,
)
def test_other_websites_read_nothing(live, path, headers):
    board, server = live
    board.publish(step(1))
    board.show(picture(1))
    status, answered, body = request(server, "GET", path, **headers)
    assert (status, answered["Content-Type"]) == (403, "text/plain; charset=utf-8")
    assert body.startswith(b"refused: the ")
    assert b"style" not in body


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example", "Origin": "http://evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {},
        {"Sec_Fetch_Site": "same-site"},
    ],
    ids=str,
)
def test_other_websites_stop_nothing(live, headers):
    assert request(live[1], "POST", "/stop", **headers)[0] == 403
    assert not live[0].stop_wanted.is_set()


def test_the_page_stops_the_run(live):
    board, server = live
    status, _, body = request(server, "POST", "/stop", Sec_Fetch_Site="same-origin", **origin(server))
    assert (status, body) == (200, b"stopping\n")
    assert board.stop_wanted.is_set()


def raw_request(server, head, body=b""):
    """Send a request as it stands, HOST and PORT filled in; return (status, headers, body) of the answer."""
    port = server.server_address[1]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection, connection.makefile("rb") as file:
        head = head.replace("HOST", f"127.0.0.1:{port}")
        connection.sendall("\r\n".join([*head.split("\n"), "", ""]).encode() + body)
        answer = file.read()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode(), body


def test_a_body_is_read_before_the_answer(live):
    board, server = live
    head = "POST /stop HTTP/1.1\nHost: HOST\nOrigin: http://HOST\nContent-Length: "
    assert raw_request(server, f"{head}200000", b"x" * 200_000)[0] == 413
    assert raw_request(server, f"{head}1e3", b"x" * 1000)[0] == 400
    assert raw_request(server, f"{head}3\nTransfer-Encoding: chunked", b"3\r\nabc\r\n0\r\n\r\n")[0] == 411
    with socket.create_connection(("127.0.0.1", server.server_address[1]), timeout=10) as connection:
        host = f"127.0.0.1:{server.server_address[1]}"
        connection.sendall(f"{head}4\n\nabc".replace("\n", "\r\n").replace("HOST", host).encode())
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert not board.stop_wanted.is_set()
    assert raw_request(server, f"{head}50000", b"x" * 50_000)[::2] == (200, b"stopping\n")
    assert board.stop_wanted.is_set()


def test_a_client_that_asks_may_send_its_body(live):
    head = "POST /stop HTTP/1.1\nHost: HOST\nOrigin: http://HOST\nContent-Length: 3\nExpect: 100-continue"
    status, head, rest = raw_request(live[1], head, b"abc")
    assert (status, head) == (100, "HTTP/1.1 100 Continue")
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET http://HOST/style.css HTTP/1.1\nHost: HOST", 200),
        ("GET HTTP://HOST HTTP/1.1\nHost: HOST", 200),
        ("GET http://HOST?a=b HTTP/1.1\nHost: HOST", 200),
        ("GET http://HOST/..//errors.py HTTP/1.1\nHost: HOST", 404),
        ("GET http://evil.example/ HTTP/1.1\nHost: HOST", 400),
        ("GET http://evil.example/ HTTP/1.1\nHost: evil.example", 403),
        ("GET / HTTP/1.1\nHost: HOST\nnonsense", 400),
        ("GET / HTTP/2.0\nHost: HOST", 505),
        ("GET / HTTP/x\nHost: HOST", 400),
        ("GET /\nHost: HOST", 200),
        ("DELETE / HTTP/1.1\nHost: HOST", 501),
    ],
)
def test_every_answer_has_its_status(live, head, status):
    assert raw_request(live[1], head)[0] == status


@pytest.mark.parametrize("path", ["/", "/download", "/events", "/nothing", "/stop"])
def test_head_is_get_without_a_body(live, path):
    live[0].publish(step(1))
    live[0].show(picture(1))
    status, headers, body = request(live[1], "HEAD", path)
    assert body == b""
    assert (status, headers["Content-Type"]) == {
        "/": (200, "text/html; charset=utf-8"),
        "/download": (200, "image/png"),
        "/events": (200, "text/event-stream"),
        "/nothing": (404, "text/plain; charset=utf-8"),
        "/stop": (405, "text/plain; charset=utf-8"),
    }[path]


def test_the_picture_is_the_latest_at_full_size_or_smaller(live):
    board, server = live
    for iteration in (1, 2):
        board.publish(step(iteration))
        board.show(picture(iteration, 300, 1000))
    status, headers, body = request(server, "GET", "/image")
    assert (status, headers["Content-Type"], headers["X-Iteration"]) == (200, "image/png", "2")
    assert headers["Cache-Control"] == "no-store"
    expected = np.random.default_rng(2).random((300, 1000, 3), dtype=np.float32)
    assert np.array_equal(pixels_of(body), np.floor(expected * 255 + 0.5).astype(np.uint8))
    assert Image.open(io.BytesIO(body)).info["icc_profile"]
    assert pixels_of(request(server, "GET", "/image?w=400&version=7")[2]).shape == (192, 640, 3)
    assert pixels_of(request(server, "GET", "/image?w=4000")[2]).shape == (300, 1000, 3)
    for wrong in ("-1", "x", "%C2%B2", "1e3", "9999999"):
        assert request(server, "GET", f"/image?w={wrong}")[0] == 400


def test_the_download_is_the_picture_as_a_file(live):
    board, server = live
    board.publish(step(7))
    board.show(picture(7))
    _, headers, body = request(server, "GET", "/download")
    assert headers["Content-Disposition"] == 'attachment; filename="synthesize-7.png"'
    assert body == request(server, "GET", "/image")[2]


def test_who_asks_for_the_first_picture_waits_for_it(live):
    board, server = live
    board.publish(step(1))
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(request, server, "GET", "/image")
        wait_until(lambda: board.is_watched)
        board.publish(step(2))
        board.show(picture(2))
        assert answer.result(10)[:2][0] == 200
        assert answer.result()[1]["X-Iteration"] == "2"


def test_there_may_be_no_picture_yet(live, monkeypatch):
    monkeypatch.setattr(module, "PICTURE_WAIT", 0.1)
    status, headers, body = request(live[1], "GET", "/image")
    assert (status, headers["Retry-After"], body) == (503, "2", b"there is no picture yet\n")


def test_events_bring_the_whole_curve_and_then_what_is_new(live):
    board, server = live
    for iteration in (1, 2, 3):
        board.publish(step(iteration))
    with events(server) as stream:
        first = next(stream)
        assert [point[0] for point in first["points"]] == [1, 2, 3]
        assert first["latest"] == [3, 48, 64, 1.0, pytest.approx(2 / 3, rel=1e-5), pytest.approx(1 / 3, rel=1e-5)]
        assert (first["iteration"], first["total"], first["size"], first["state"]) == (3, 100, [48, 64], "running")
        assert first["memory"]["peak"] >= first["memory"]["now"] > 1e6
        assert first["picture"] is None
        board.publish(step(4))
        board.show(picture(4))
        news = next(news for news in stream if news["picture"])
        assert news["iteration"] == 4
        assert news["picture"] == {"version": 1, "iteration": 4, "size": [48, 64]}
        # Nothing new: a heartbeat all the same.
        assert next(stream)["points"] == []
        board.end("finished", "finished; the result is saved")
        last = list(stream)[-1]
        assert (last["state"], last["message"]) == ("finished", "finished; the result is saved")


def test_many_viewers_follow_at_once(live):
    board, server = live

    def follow(_):
        with events(server) as stream:
            return [news["iteration"] for news in stream]

    with ThreadPoolExecutor(40) as pool:
        seen = pool.map(follow, range(40))
        wait_until(lambda: board.viewers == 40)
        for iteration in range(1, 31):
            board.publish(step(iteration))
            time.sleep(0.03)
        board.end("finished", "")
        for iterations in seen:
            assert iterations == sorted(iterations)
            assert iterations[-1] == 30
            assert len(set(iterations)) >= 3
    wait_until(lambda: board.viewers == 0)


def test_too_many_connections_are_turned_away_and_the_others_go_on(monkeypatch):
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 3)
    with served() as (board, server):
        board.publish(step(1))
        kept = [send(server, "GET", "/events") for _ in range(3)]
        wait_until(lambda: board.viewers == 3)
        assert is_turned_away(server)
        kept.pop().close()
        wait_until(lambda: board.viewers == 2)
        wait_until(lambda: server.connections._value == 1)
        assert request(server, "GET", "/")[0] == 200
        for connection in kept:
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
            connection.close()


def test_viewers_who_do_not_read_never_hold_up_the_run(live, monkeypatch):
    monkeypatch.setattr(module.Handler, "timeout", 1.0)
    board, server = live
    noise = picture(1, 2000, 2000)  # some 12 MB: more than the connection's buffers take
    sockets = [send(server, "GET", path) for path in ("/events", "/events", "/image", "/download")]
    wait_until(lambda: board.viewers == 2)

    def run():
        for iteration in range(1, 20001):
            board.publish(step(iteration, total=20000))
            if iteration % 5000 == 1:
                board.show(noise)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    # Those who take nothing of the picture are given up; they have not got the whole of it.
    wait_until(lambda: server.connections._value == module.MAX_CONNECTIONS - 2)
    for connection in sockets:
        connection.close()
    wait_until(lambda: board.viewers == 0)


def test_a_viewer_that_vanishes_is_forgotten(live):
    board, server = live
    connection = send(server, "GET", "/events")
    wait_until(lambda: board.viewers == 1)
    # A reset instead of a farewell.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    wait_until(lambda: board.viewers == 0)


def test_half_a_request_is_given_up(live, monkeypatch):
    monkeypatch.setattr(module.Handler, "timeout", 0.3)
    with socket.create_connection(("127.0.0.1", live[1].server_address[1]), timeout=10) as connection:
        connection.sendall(b"GET / HT")
        assert connection.recv(1) == b""


def test_garbage_gets_an_error_and_the_server_lives_on(live):
    with socket.create_connection(("127.0.0.1", live[1].server_address[1]), timeout=10) as connection:
        connection.sendall(b"\x16\x03\x01 hello <script>\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert b" 400 " in answer.split(b"\r\n", 1)[0]
    assert b"<script>" not in answer
    assert request(live[1], "GET", "/")[0] == 200


def test_a_taken_port_is_told():
    with served() as (_, server):
        port = server.server_address[1]
        with pytest.raises(ListenError, match=f"`port` {port}: Address already in use; `port` 0 takes any free port"):
            LiveServer(Board("train.py"), "127.0.0.1", port)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.7", "a..b"])
def test_a_host_that_is_not_this_machine_s_is_told(host):
    with pytest.raises(ListenError, match=f"`web` cannot listen on `host` {host} `port` 0: .+"):
        LiveServer(Board("train.py"), host, 0)


def test_a_public_server_knows_that_it_is():
    with served("0.0.0.0") as (_, server):
        assert server.is_public
        assert request(server, "GET", "/", Host=f"127.0.0.1:{server.server_address[1]}")[0] == 200
        assert request(server, "GET", "/", Host="10.1.2.3")[0] == 200
        assert request(server, "GET", "/", Host="evil.example")[0] == 403
    with served() as (_, server):
        assert not server.is_public
        assert server.url == f"http://127.0.0.1:{server.server_address[1]}/"


def test_the_end_waits_for_viewers_only_and_not_for_long(monkeypatch):
    monkeypatch.setattr(module, "LINGER", 0.5)
    board = Board("train.py")
    server = LiveServer(board, "127.0.0.1", 0)
    server.start()
    stuck = send(server, "GET", "/events")
    wait_until(lambda: board.viewers == 1)
    board.end("finished", "")
    start = time.monotonic()
    server.finish()
    assert 0.4 < time.monotonic() - start < 5
    stuck.close()


def is_turned_away(server):
    try:
        with send(server, "GET", "/") as connection:
            return connection.recv(1) == b""
    except ConnectionError:
        return True


def wait_until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def slow_connections(server, count):
    """Hold `count` connections that have sent the beginning of a request; yields the sockets."""
    sockets = []
    try:
        for _ in range(count):
            sockets.append(socket.create_connection(server.server_address[:2], timeout=5))
            sockets[-1].sendall(b"GET / HT")
        yield sockets
    finally:
        for one in sockets:
            one.close()


def test_slow_requests_do_not_shut_others_out(live, monkeypatch):
    monkeypatch.setattr(module, "REQUEST_TIME", 600.0)
    with slow_connections(live[1], 300) as slow:
        for one in slow[-50:]:
            one.sendall(b"T")
        assert request(live[1], "GET", "/style.css")[0] == 200
        assert len(live[1].incomplete) <= module.MAX_CONNECTIONS


def test_a_request_has_a_deadline_as_a_whole(live, monkeypatch):
    monkeypatch.setattr(module, "REQUEST_TIME", 0.2)
    with slow_connections(live[1], 1) as [slow]:
        with suppress(OSError):  # the server hangs up in the middle of it
            for _ in range(50):
                slow.sendall(b"x")
                time.sleep(0.05)
        assert slow.recv(100) == b""
    assert not live[1].incomplete


def test_an_answer_may_take_longer_than_a_request(live, monkeypatch):
    monkeypatch.setattr(module, "REQUEST_TIME", 0.2)
    board, server = live
    board.publish(step(1))
    with socket.create_connection(server.server_address[:2], timeout=5) as viewer:
        viewer.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(0.6)
        board.publish(step(2))
        told = b""
        while b'"iteration": 2' not in told:
            told += viewer.recv(1 << 16) or pytest.fail("the server hung up")
