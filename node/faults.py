"""The one table that turns every room's errors into words for people and programs.

Each row: code, HTTP status, exit code, what to do next. Errors are looked up by class name along
their ancestry, so that this file imports no room and a command starts fast. Texts of errors that
are not ours are dropped: they can quote what somebody recorded.
"""

from __future__ import annotations

import errno
import traceback
from typing import Any, NamedTuple

from node.desk_version import API_VERSION
from node.errors import (
    EXIT_DEGRADED,
    EXIT_FAILURE,
    EXIT_INTEGRITY,
    EXIT_LOCKED,
    EXIT_NO_PEER,
    EXIT_USAGE,
    NodeError,
)
