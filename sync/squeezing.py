"""zstd for content: one dictionary, one level, no header bytes that both sides know.

Compressors and decompressors are made per call (they are not safe to share between threads); the
dictionary is digested once. Like stands in one block: each kind of column has its own statistics.
"""

from __future__ import annotations

from collections.abc import Sequence

from backports import zstd
from backports.zstd import CompressionParameter, DecompressionParameter

from sync import limits
from sync.content_dictionary import DICTIONARY
from sync.errors import BadFrame, FrameTooLarge

LEVEL = 9
BLOCK_BYTES = 1500  # below this a block's own statistics cost more than they save
_MAGIC = b"\x28\xb5\x2f\xfd"
_DICTIONARY = zstd.ZstdDict(DICTIONARY)
_OPTIONS: dict[int, int] = {
    CompressionParameter.compression_level: LEVEL,
    CompressionParameter.content_size_flag: 1,
    CompressionParameter.checksum_flag: 0,  # hash chain and signature cover the content
    CompressionParameter.dict_id_flag: 0,  # the layout byte names the dictionary
}
_WINDOW: dict[int, int] = {DecompressionParameter.window_log_max: 20}


def squeeze(parts: Sequence[bytes]) -> bytes:
    """One zstd frame over all parts, without its first four bytes. Raises `FrameTooLarge`."""
    size = sum(map(len, parts))
    _bound(size)
    compressor = zstd.ZstdCompressor(options=_OPTIONS, zstd_dict=_DICTIONARY.as_digested_dict)
    compressor.set_pledged_input_size(size)
    out, waiting = [], b""
    for part in parts[:-1]:
        waiting += part
        if len(waiting) >= BLOCK_BYTES:
            out.append(compressor.compress(waiting, zstd.ZstdCompressor.FLUSH_BLOCK))
            waiting = b""
    out.append(compressor.compress(waiting + parts[-1], zstd.ZstdCompressor.FLUSH_FRAME))
    return b"".join(out)[len(_MAGIC) :]


def unsqueeze(data: bytes) -> tuple[bytes, bytes]:
    """What was squeezed, and the bytes after it. Raises `BadFrame`, `FrameTooLarge`."""
    framed = _MAGIC + data
    try:
        size = zstd.get_frame_info(framed).decompressed_size
        if size is None:
            raise BadFrame("content does not say its size")
        _bound(size)
        decompressor = zstd.ZstdDecompressor(zstd_dict=_DICTIONARY, options=_WINDOW)
        raw = decompressor.decompress(framed, max_length=size + 1)
    except zstd.ZstdError as fault:
        raise BadFrame("content is not zstd") from fault
    if not decompressor.eof or len(raw) != size:
        raise BadFrame("content is not one whole zstd frame")
    return raw, decompressor.unused_data


def _bound(size: int) -> None:
    most = limits.CONTENT_RAW_BYTES_MAX
    if size > most:
        raise FrameTooLarge(f"content inflates over {most} bytes (CONTENT_RAW_BYTES_MAX)")
