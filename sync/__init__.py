"""The sync core: PROTOCOL.md as pure state machines. Transports live in `sync.transport`."""
