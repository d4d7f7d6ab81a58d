"""Logs that cannot carry patient data: only known keys with values of a known form pass.

`configure` sets structlog up, on stderr: for people on a terminal, JSON otherwise. An event is a
slug such as `link-closed`; what describes it stands in keys of `ALLOWED`. Whatever else is handed
in is dropped, and the line says how much. Other libraries' lines keep their name and level only.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from node.faults import place

_SLUG = re.compile(r"[a-z][a-z0-9]*([ -][a-z0-9]+){0,7}")
_HEX = re.compile(r"[0-9a-f]{1,64}")
_DOCUMENT = re.compile(r"[a-z]{1,8}[0-9]{0,3}-[a-z2-7]{24}")
_ADDRESS = re.compile(r"[\w.:%\[\]-]{1,120}:[0-9]{1,5}", re.ASCII)
_PLACE = re.compile(r"[\w./-]{1,120}:[0-9]{1,7}", re.ASCII)
_ROUTE = re.compile(r"/[a-z/{}_-]{0,60}")
_KIND = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")
_MODULE = re.compile(r"[a-z_][a-z0-9_.]{0,59}")
_VERSION = re.compile(r"[0-9]{1,5}(\.[0-9]{1,5}){0,3}[a-z0-9+]{0,12}")
_METHOD = re.compile(r"[A-Z]{3,7}")
_STAMP = re.compile(r"[0-9TZ:.-]{10,32}")

Check = Callable[[Any], bool]


def _text(form: re.Pattern[str]) -> Check:
    return lambda value: isinstance(value, str) and form.fullmatch(value) is not None


def _number(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float)


# fmt: off
_NUMBERS = (
    "api", "documents", "statements", "changes", "lanes", "runs", "blobs", "files", "peers",
    "links", "findings", "waiting", "set_aside", "refused", "bytes", "bytes_in", "bytes_out",
    "bytes_free", "seconds", "ms", "retry_s", "clock_ahead_ms", "attempt", "count", "limit",
    "port", "pid", "seq", "length", "equal", "paused", "status", "exit_code", "round", "errno",
    "dropped",
)
# fmt: on
ALLOWED: dict[str, Check] = {
    **dict.fromkeys(_NUMBERS, _number),
    **dict.fromkeys(("node", "peer", "session", "actor", "lane", "digest", "epoch"), _text(_HEX)),
    **dict.fromkeys(("event", "code", "cause", "state", "phase", "role", "level"), _text(_SLUG)),
    "document": _text(_DOCUMENT),
    "address": _text(_ADDRESS),
    "where": _text(_PLACE),
    "route": _text(_ROUTE),
    "method": _text(_METHOD),
    "error": _text(_KIND),
    "library": _text(_MODULE),
    "version": _text(_VERSION),
    "timestamp": _text(_STAMP),
}
"""Every key that may be logged, with the form that its value must have."""


def only_allowed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The allow-list: drops every key or value that is not of a known form, and counts them."""
    kept = {key: value for key, value in event.items() if key in ALLOWED and ALLOWED[key](value)}
    if dropped := len(event) - len(kept):
        kept["dropped"] = dropped
    kept.setdefault("event", "unnamed")
    return kept


def error_kind(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """An exception becomes its kind and its place: its text may quote a record."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error"], event["where"] = type(error).__name__, place(error)
        event.setdefault("code", getattr(error, "code", "internal"))
    return event


class LibraryHandler(logging.Handler):
    """Lines of other libraries: their name and level, never their text."""

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        logger = structlog.get_logger()
        found = {"library": record.name.partition(".")[0].lower()}
        logger.log(record.levelno, "library-message", exc_info=record.exc_info, **found)


def configure(stream: TextIO | None = None, *, level: int = logging.INFO) -> None:
    """Set up logging for this process; once, at start."""
    target = stream or sys.stderr
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            error_kind,
            only_allowed,
            _renderer(target),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [LibraryHandler()]
    root.setLevel(logging.WARNING)


def _renderer(target: TextIO) -> Processor:
    if target.isatty():
        return structlog.dev.ConsoleRenderer()
    return structlog.processors.JSONRenderer(sort_keys=True)
