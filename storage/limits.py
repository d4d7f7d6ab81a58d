"""Every limit of the store, units last: quotas for bytes that are not yet, or never, held.

They bound what one peer can make a node keep. Held changes have no quota here: a device's own
lanes are always accepted.
"""

STAGED_BYTES_MAX_PER_PEER = 8 * 1024 * 1024
STAGED_LANES_MAX_PER_PEER = 4096
SET_ASIDE_BYTES_MAX_PER_SOURCE = 4 * 1024 * 1024
SET_ASIDE_ROWS_MAX_PER_SOURCE = 4096
BRANCHES_MAX = 16  # of one actor in one document: only a copied machine or a stolen key makes any
BLOB_BYTES_MAX = 64 * 1024 * 1024
BLOB_PART_BYTES = 256 * 1024
WORK_BYTES_MAX = 8 * 1024 * 1024
IN_LIST_MAX = 500
BUSY_TIMEOUT_MS = 5000
EPOCH_BYTES = 16

DISK_FULL_BYTES = 64 * 1024
"""Free space below which SQLite cannot even begin its log and the index of it."""
