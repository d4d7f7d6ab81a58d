"""No log line carries what is not on the list, whoever writes it and however."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from node import logs

PATIENT = "Zyxwvutsky, Aaron 1999-04-30"


@pytest.fixture(name="stream")
def _stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    text = stream.getvalue()
    assert "Zyxw" not in text
    assert "1999" not in text
    return [json.loads(line) for line in text.splitlines()]


def test_known_keys_pass_and_others_are_counted(stream: io.StringIO) -> None:
    document = "episode-csbtik5hgpmd7oyueb3xty35"
    log = structlog.get_logger("any").bind(peer="0a1b2c3d", patient=PATIENT)
    log.info("link-closed", bytes=12, document=document, value={"name": PATIENT}, code="stalled")
    (line,) = lines(stream)
    assert line.pop("timestamp")
    assert line == {
        "event": "link-closed",
        "level": "info",
        "peer": "0a1b2c3d",
        "bytes": 12,
        "document": document,
        "code": "stalled",
        "dropped": 2,
    }


@pytest.mark.parametrize("key", sorted(logs.ALLOWED))
def test_a_known_key_does_not_carry_a_text_of_another_form(stream: io.StringIO, key: str) -> None:
    fields = {} if key == "event" else {key: PATIENT}
    structlog.get_logger().warning(PATIENT if key == "event" else "something", **fields)
    lines(stream)


def test_an_event_that_was_put_together_from_values_is_dropped(stream: io.StringIO) -> None:
    structlog.get_logger().info(f"saved {PATIENT}")
    (line,) = lines(stream)
    assert (line["event"], line["dropped"]) == ("unnamed", 1)


def test_an_exception_leaves_its_kind_and_place(stream: io.StringIO) -> None:
    try:
        raise ValueError(PATIENT)
    except ValueError:
        structlog.get_logger().exception("request-failed")
        structlog.get_logger().error("request-failed", exc_info=True)
    for line in lines(stream):
        assert line["error"] == "ValueError"
        assert line["where"].startswith("cli/test_cli_logs.py:")


def test_other_libraries_are_heard_but_not_quoted(stream: io.StringIO) -> None:
    logging.getLogger("aiohttp.access").warning("GET /api/find?q=%s", PATIENT)
    try:
        raise KeyError(PATIENT)
    except KeyError:
        logging.getLogger("asyncio").exception("callback failed for %s", PATIENT)
    first, second = lines(stream)
    assert (first["event"], first["library"]) == ("library-message", "aiohttp")
    assert (second["error"], second["level"]) == ("KeyError", "error")
