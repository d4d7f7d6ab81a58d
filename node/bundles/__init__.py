"""Sealed bundles of this node: made for others, taken from others, carried for others.

`parcel` says to whom and what, `exporting` and `importing` do it, `files` is the disk, `keeping` holds
what is carried or waits for an unlock. The format: `sync/bundle.py`, `sync/trust/sealing.py`.
"""
