"""A QR code on a terminal: half blocks, light on dark."""

from __future__ import annotations

import io
import shutil
import sys

from node.cli.output import say, tell
from node.errors import BadRequest

_BORDER = 2


def say_qr(text: str) -> None:
    """Show it. `text` in the alphanumeric set costs least. Raises `BadRequest` when it fits no code."""
    import segno

    try:
        code = segno.make_qr(text, error="L")
    except segno.DataOverflowError:
        raise BadRequest(
            "this is too long for one QR code: name fewer scopes, or use a file"
        ) from None
    columns, _ = code.symbol_size(border=_BORDER)
    out = io.StringIO()
    code.terminal(out, border=_BORDER, compact=True)
    say(out.getvalue().rstrip("\n"))
    wide = shutil.get_terminal_size().columns
    if sys.stdout.isatty() and wide < columns:
        tell(
            f"This terminal has {wide} columns and the code needs {columns}: make letters smaller."
        )
