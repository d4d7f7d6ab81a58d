"""Every limit of the record, units last. All are counts: each node refuses the same things."""

STATEMENT_BYTES_MAX = 16 * 1024
STATEMENT_DEPTH_MAX = 8
CHANGE_BYTES_MAX = 64 * 1024
LANE_CHANGES_MAX = 512
OPERATION_BYTES_MIN = 37  # of a change, for each: a key `s/<32 hex>.1` and its length
CHANGE_OPS_MAX = CHANGE_BYTES_MAX // OPERATION_BYTES_MIN
SLOT_NAME_BYTES_MAX = 64
SUPERSEDES_MAX = 256
START_OP_MAX = 1 << 24
