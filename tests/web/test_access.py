"""Who may talk to the live view."""

from email.message import Message

import pytest

from web.access import is_loopback, refusal


def answer(*, method="GET", path="/events", host="127.0.0.1", address="127.0.0.1", **headers):
    message = Message()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return refusal(message, method, path, host, address)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "localhost", "localhost:9000"])
def test_names_of_this_machine_are_welcome(host):
    assert answer(Host=host) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example:8080", "evil.example", "127.0.0.1.evil.example", "192.168.1.5:8080", "0.0.0.0:8080", "", "[::1"],
)  # fmt: skip
def test_other_names_are_refused_on_loopback(host):
    assert answer(Host=host) == "the Host header does not name this server"


@pytest.mark.parametrize(
    "host",
    [
        *("user@localhost:8080", "user:secret@127.0.0.1", "@localhost", "localhost/", "localhost?x", "localhost#x"),
        *("localhost:", "localhost:x", "localhost:8080:1", " localhost", "localhost\t", "[localhost]", "[::1", "::1"),
    ],
)
def test_a_host_is_a_name_and_a_port_alone(host):
    assert answer(Host=host) == "the Host header does not name this server"


def test_a_request_needs_one_host():
    assert answer() == "the Host header does not name this server"
    twice = Message()
    twice["Host"] = twice["Host"] = "localhost"
    assert refusal(twice, "GET", "/", "127.0.0.1", "127.0.0.1") == "the Host header does not name this server"


def test_a_public_server_is_reached_by_address_and_name_but_not_by_a_website_s(monkeypatch):
    monkeypatch.setattr("web.access.socket.gethostname", lambda: "Studio")
    for host in ("192.168.1.5:8080", "127.0.0.1:8080", "[fe80::1]:8080", "studio:8080", "studio.local"):
        assert answer(Host=host, host="0.0.0.0", address="0.0.0.0") is None
    assert answer(Host="evil.example:8080", host="0.0.0.0", address="0.0.0.0") is not None
    assert answer(Host="studio.example", host="studio.example", address="10.0.0.2") is None


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://localhost:3000", "https://localhost:8080", "null", "http://localhost"]
)
def test_other_origins_are_refused(origin):
    assert answer(Host="localhost:8080", Origin=origin) == "the request comes from another website"
    assert answer(Host="localhost:8080", Origin=origin, method="POST", path="/stop") is not None


def test_stopping_needs_the_page_s_own_origin():
    assert answer(Host="localhost:8080", method="POST", path="/stop") == "the Origin header is missing"
    own = {"Host": "localhost:8080", "Origin": "http://localhost:8080"}
    assert answer(method="POST", path="/stop", **own) is None
    assert answer(method="POST", path="/stop", Sec_Fetch_Site="same-origin", **own) is None
    assert answer(method="POST", path="/stop", Sec_Fetch_Site="same-site", **own) is not None


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_may_link_to_the_page_but_embed_nothing(site):
    for path in ("/", "/image", "/download", "/events"):
        assert answer(Host="localhost:8080", path=path, Sec_Fetch_Site=site, Sec_Fetch_Mode="no-cors") is not None
    linked = answer(Host="localhost:8080", path="/", Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate")
    assert linked is None
    assert answer(Host="localhost:8080", path="/image", Sec_Fetch_Site=site, Sec_Fetch_Mode="navigate") is not None
    assert answer(Host="localhost:8080", path="/image", Sec_Fetch_Site="same-origin") is None


def test_loopback():
    assert [is_loopback(address) for address in ("127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "10.0.0.1")] == [
        *[True] * 3,
        *[False] * 3,
    ]
