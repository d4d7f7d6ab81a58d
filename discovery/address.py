"""Where a node can be dialled: host and port, with the one text form `host:port` or `[v6]:port`.

Hosts are kept canonical (lower case, compressed IPv6), so that equal places compare equal.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

PORT_MAX = 65535
_NAME_LETTERS_MAX = 253
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


class Address(NamedTuple):
    """One place to dial. `host` is an IP literal (IPv6 may carry a `%zone`) or a name."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def canonical_ip(text: str) -> str | None:
    """`text` as a canonical IP literal that one host can answer at, None if it is none such."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    plain = found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found
    shared = plain.is_multicast or plain.is_unspecified or str(plain) == "255.255.255.255"
    return None if shared else str(plain)


def canonical_name(text: str) -> str | None:
    """`text` as a lower-case host name (RFC 1123, underscore allowed), None if it is none.

    A last label of digits is refused (RFC 1123 §2.1): it is a mistyped IPv4 address.
    """
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    fits = 0 < len(name) <= _NAME_LETTERS_MAX and not labels[-1].isdigit()
    return name if fits and all(_LABEL.fullmatch(label) for label in labels) else None
