"""Binding an application to an address, and saying clearly when that cannot be done."""

from __future__ import annotations

import errno
from typing import Protocol

from aiohttp import web

from node.errors import BadConfiguration, PortBusy

_DRAIN_S = 2.0


class Place(Protocol):
    """Host and port to listen on; port 0 is any free one."""

    @property
    def host(self) -> str:
        """IP literal or name."""
        ...

    @property
    def port(self) -> int:
        """0..65535."""
        ...


async def serve(app: web.Application, listen: Place) -> tuple[web.AppRunner, int]:
    """Serve until `await runner.cleanup()`. The runner and the port that was bound.

    Raises `PortBusy`, `BadConfiguration`. Requests are not logged: their paths name records.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_DRAIN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, listen.host, listen.port).start()
    except OSError as fault:
        await runner.cleanup()
        raise _refused(listen, fault) from fault
    return runner, int(runner.addresses[0][1])


def _refused(listen: Place, fault: OSError) -> Exception:
    where = f"{listen.host} port {listen.port}"
    if fault.errno == errno.EADDRINUSE:
        return PortBusy(f"Another program listens on {where}. Nothing was started.")
    if fault.errno in {errno.EACCES, errno.EPERM}:
        return BadConfiguration(f"The system does not let this user listen on {where}.")
    if fault.errno == errno.EADDRNOTAVAIL or fault.errno is None or fault.errno < 0:
        return BadConfiguration(f"This machine has no address {listen.host} to listen on.")
    return fault
