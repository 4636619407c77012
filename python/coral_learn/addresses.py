"""Addresses of this machine: which ones others can reach, and which only itself."""

import ipaddress
import socket

_EVERYWHERE = ("0.0.0.0", "::")


def is_address(host: str) -> bool:
    """Tells whether a host is given by its address, and not by its name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Tells whether a host is this machine for itself alone."""
    if host.lower() == "localhost":
        return True
    return is_address(host) and ipaddress.ip_address(host).is_loopback


def reachable_host(host: str) -> str:
    """Returns an address that others can connect to."""
    if host == "::":
        return socket.gethostname()
    if host not in _EVERYWHERE:
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("10.255.255.255", 1))  # sends nothing, but chooses an own address
        except OSError:
            return socket.gethostname()
        return str(probe.getsockname()[0])
