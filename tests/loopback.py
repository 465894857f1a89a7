"""Which addresses are elsewhere than on this machine, as an audit hook hears of them."""

from __future__ import annotations

import ipaddress


def elsewhere(event: str, arguments: tuple[object, ...]) -> str:
    """Return the host beyond loopback that an event of Python's audit hooks names; nothing for any other event."""
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return ""
    if host is None:
        return ""
    name = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return "" if ipaddress.ip_address(name).is_loopback else name
    except ValueError:
        return "" if name == "localhost" else name
