"""Every limit of FHIR import, units last. What exceeds one is refused with the limit's name.

Statement and change limits are the record's own (`conflict/limits.py`).
"""

JSON_BYTES_MAX = 128 * 1024 * 1024
"""One JSON file after inflation: it is parsed whole, which takes some six times its size."""

NDJSON_BYTES_MAX = 16 * 1024 * 1024 * 1024
"""One NDJSON file after inflation: it is read line by line."""

RESOURCE_BYTES_MAX = 16 * 1024 * 1024
RESOURCE_DEPTH_MAX = 100
BUNDLE_NESTING_MAX = 4
GZIP_RATIO_MAX = 300
"""Inflated bytes for each byte on disk; FHIR reaches 10 to 60, a bomb 1,000."""

GZIP_SLACK_BYTES = 1024 * 1024
"""Inflated bytes that no ratio is asked of."""

READ_BYTES = 256 * 1024
GROUP_RESOURCES_MAX = 500
GROUP_BYTES_MAX = 4 * 1024 * 1024
"""NDJSON lines are handed on in groups of so many resources or bytes, whichever is first."""

SAVE_BYTES_MAX = 48 * 1024
"""Statement text of one save; the record's limit of a change is 64 KiB."""

SAVE_STATEMENTS_MAX = 400
ID_CHARS_MAX = 200
AUTHOR_CHARS_MAX = 120
