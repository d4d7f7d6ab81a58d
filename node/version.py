"""The version of this software, read from what is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("aidstation")
except PackageNotFoundError:  # run from a checkout that was never installed
    VERSION = "0+unknown"
