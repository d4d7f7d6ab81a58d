"""Every count, depth, length and rate of the protocol, units last. What exceeds one is refused by name."""

FRAME_BYTES_MAX = 1 << 20
FRAME_BYTES_MIN = 64  # below it the heads of parts would eat the link
PART_BYTES_MAX = 0xFFFF  # keeps the head of a part at 7 bytes
CONTENT_RAW_BYTES = 256 * 1024  # aimed at per content frame, so that one commit stays short
CONTENT_RAW_BYTES_MAX = 1 << 20  # refused above, after decompression
CONTENT_RUNS_MAX = 4096
CONTENT_CHANGES_MAX = 8192
RUN_CHANGES_MAX = 32  # one signature at least every so many changes ...
RUN_BYTES_MAX = 16 * 1024  # ... or bytes, so that little waits unsigned when a link is cut
WINDOW_BYTES = 4 << 20  # content sent and not yet receipted
LISTING_ENTRIES_MAX = 4096
SKETCH_CELLS_MAX = 1 << 16  # 590 kB in one frame; about 48,000 differences
SKETCH_CELLS_KEPT = 1024  # maintained as documents change; 710 differences, further cells on demand
SKETCH_WANTED_MAX = 1 << 16
VECTORS_DOCUMENTS_MAX = 512
VECTOR_LANES_MAX = 32_768  # 852 kB when whole
RECEIPT_FRAMES_MAX = 1024
RECEIPT_FRAMES = 8  # receipted together while more content waits to be held
LOOKUP_DOCUMENTS = 512  # documents looked up at once for what the peer lacks of them
LOOKAHEAD_LANES = 16_384  # due lanes above which no more documents are looked up
READ_LANES = 256  # lanes of one burst of content ...
BURST_MESSAGES = 4  # ... which fills so many messages
NEWS_LANES_MAX = 4096
SCOPES_MAX = 64  # of one grant
OWED_LANES_MAX = 1024  # own lanes outside what both may hold, looked up once a session
URGENT_S = 6 * 3600  # what was written so lately may be urgent
QUEUE_DOCUMENTS_MAX = 1_000_000
QUEUE_VECTORS_BYTES_MAX = 16 << 20  # of them, packed: 1,000,000 lanes
READS_AHEAD_MAX = 8  # pages and WANTED messages waiting for the store; then no further credit
HOLDING_BYTES_MAX = 32 << 20  # content not durable yet: three windows, and a long run in each
WAITING_BYTES_MAX = 64 << 20  # said and not read by the peer: a listing of 2,000,000 documents
SESSION_BYTES_MAX = (
    128 << 20
)  # of payload that one peer can make a node keep (the sum of the above)
BLOB_PART_BYTES = 64 * 1024
BLOB_BYTES_MAX = 1 << 30
BLOBS_ASKED_MAX = 4
BLOBS_LISTED_MAX = 256
CUSTODY_LANES_MAX = 512  # claims in one entry: 14 kB where one device wrote them
CUSTODY_BLOBS_MAX = 64
CUSTODY_ENTRY_BYTES_MAX = 32 * 1024
CUSTODY_GARRISONS_MAX = 64  # logs that one CUSTODYHAVE may speak of
CUSTODY_WINDOW = 8  # entries on the way that the peer has not said to have
CUSTODY_LOG_BYTES_MAX = 256 << 20  # of one garrison's log of one epoch; 8 million lanes
TEXT_CHARS_MAX = 400
ROUNDS_MAX = 1 << 31
RELAYS_MAX = 65_536

HANDSHAKE_S_MAX = 10.0
STALL_S_MAX = 120.0
RELAY_DELAY_S = 0.15  # before passing on what another peer may bring; the follower waits twice that
TURN_DELAY_S = 1.0  # before asking again a node that repairs with somebody else
CHECK_DELAY_S = 0.5  # after the last live change, before equality is proved again
REPAIR_DELAY_S = 5.0  # first retry when two nodes stay different; doubles
REPAIR_DELAY_S_MAX = 300.0
