"""`aidstation demo`: a garrison and three field nodes as real processes, a partition, a merge."""

from node.demo.story import Outcome, tell

__all__ = ["Outcome", "tell"]
