"""Channels: ways to carry frames between two nodes. The only I/O in this room."""
