"""Ports on loopback for servers that are started later, or again and again, at the same address."""

import pathlib
import random
import socket

LEAST = 20000
RANGE = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range")

_claims = []  # held as long as this process lives


def first_given():
    """From here on the kernel gives ports to whoever does not name one: to each connection that is
    made, and to servers that listen anywhere. One of those may be taken before its server is there,
    or while it is restarted."""
    return int(RANGE.read_text(encoding="ascii").split()[0])


def free_port():
    """A port that nobody else is given: no other test that runs beside this one either."""
    ports = range(LEAST, first_given())
    while ports:
        port = random.SystemRandom().choice(ports)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0swm-test-port-{port}")
            with socket.socket() as s:
                s.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return port
    raise OSError(f"the kernel gives all ports from {LEAST} on")
