"""Every limit of the record, units last. All are counts: each node refuses the same things."""

STATEMENT_BYTES_MAX = 16 * 1024
STATEMENT_DEPTH_MAX = 8
CHANGE_BYTES_MAX = 64 * 1024
LANE_CHANGES_MAX = 512
CHANGE_OPS_MAX = 4096
SLOT_NAME_BYTES_MAX = 64
SUPERSEDES_MAX = 256
START_OP_MAX = 1 << 24
