"""Every count, depth, length and rate of the protocol, units last. What exceeds one is refused by name."""

FRAME_BYTES_MAX = 1 << 20
CONTENT_RAW_BYTES = 128 * 1024  # aimed at per content frame, so that one commit stays short
CONTENT_RAW_BYTES_MAX = 1 << 20  # refused above, after decompression
CONTENT_RUNS_MAX = 4096
CONTENT_CHANGES_MAX = 8192
WINDOW_BYTES = 4 << 20  # content sent and not yet receipted
LISTING_ENTRIES_MAX = 4096
SKETCH_CELLS_MAX = 1 << 16  # 590 kB in one frame; about 48,000 differences
SKETCH_CELLS_KEPT = 1024  # maintained as documents change; 710 differences, further cells on demand
SKETCH_WANTED_MAX = 1 << 16
VECTORS_DOCUMENTS_MAX = 512
VECTOR_LANES_MAX = 4096
RECEIPT_LANES_MAX = 4096
READ_DOCUMENTS = 64  # documents read from the store for one burst of content
QUEUE_DOCUMENTS_MAX = 1_000_000
BLOB_PART_BYTES = 64 * 1024
BLOB_BYTES_MAX = 1 << 30
BLOBS_ASKED_MAX = 4
BLOBS_LISTED_MAX = 256
TEXT_CHARS_MAX = 400
ROUNDS_MAX = 1 << 31

HANDSHAKE_S_MAX = 10.0
STALL_S_MAX = 120.0
CHECK_DELAY_S = 0.5  # after the last live change, before equality is proved again
REPAIR_DELAY_S = 5.0  # first retry when two nodes stay different; doubles
REPAIR_DELAY_S_MAX = 300.0
