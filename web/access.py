"""Access control of the live view: its own page and deliberate programs, but no other websites.

A website that somebody visits can make the browser send requests here. It could read the answers if its name were
pointed at this address (DNS rebinding): so the Host header must name this machine. And it could send requests without
reading the answers: so requests that a browser marks as coming from another site are refused.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from email.message import Message

HOST = re.compile(r"(\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[0-9A-Za-z._-]+))(:[0-9]{1,5})?", re.ASCII)


def is_loopback(address: str) -> bool:
    """Say whether only programs on this machine reach `address`, an IP address."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def refusal(headers: Message, method: str, path: str, host: str, address: str) -> str | None:
    """Return why a request is refused, None where it is welcome.

    Args:
        headers: of the request, as they came.
        method: GET or POST.
        path: that is asked for, without its query.
        host: that the server was asked to listen on.
        address: the IP address that it listens on.
    """
    hosts = headers.get_all("Host", [])
    if len(hosts) != 1 or not _names_this_server(hosts[0], host, address):
        return "the Host header does not name this server"
    origins = headers.get_all("Origin", [])
    if origins and origins != [f"http://{hosts[0]}"]:
        return "the request comes from another website"
    if method == "POST" and not origins:
        return "the Origin header is missing"
    if not _is_from_here(headers, method, path):
        return "the request comes from another website"
    return None


def _names_this_server(header: str, host: str, address: str) -> bool:
    """Say whether a Host header has a name that no other website can point at this server.

    Anything but a name or address and a port, such as a user before the name, is no Host header of a browser's. The
    port may differ: forwarded ports (ssh -L) have their own. An IP address cannot be rebound.
    """
    match = HOST.fullmatch(header)
    if match is None:
        return False
    name = (match["address"] or match["name"]).lower()
    if name == "localhost" or name == host.lower():
        return True
    try:
        literal = str(ipaddress.ip_address(name))
    except ValueError:
        return not is_loopback(address) and name in _names_of_machine()
    return is_loopback(literal) or not is_loopback(address)


def _names_of_machine() -> Sequence[str]:
    name = socket.gethostname().lower()
    return name, f"{name}.local"


def _is_from_here(headers: Message, method: str, path: str) -> bool:
    """Say whether Sec-Fetch-Site, which browsers send and pages cannot forge, allows a request.

    "none" is somebody who typed the address; a link on another site may open the page, which no site can put in a
    frame or read.
    """
    site = headers.get("Sec-Fetch-Site", "none")
    if site in ("same-origin", "none"):
        return True
    return method == "GET" and path == "/" and headers.get("Sec-Fetch-Mode") == "navigate"
