"""The referees of a run, one object each: what they promise is their name, and how they fail is theirs.

An exit code a checker; where several fail, the run ends with the first one's in this order.
"""

from node.sim.lab.checkers.checker import Checker, Violation
from node.sim.lab.checkers.convergence import Converged
from node.sim.lab.checkers.durability import NoEarlyReceipt, NothingLost
from node.sim.lab.checkers.findings import FindingsEverywhere
from node.sim.lab.checkers.health import BooksInOrder, Bounded, Liveness, NoFault
from node.sim.lab.checkers.letting_go import LetGoStaysAway
from node.sim.lab.checkers.silence import SilenceKept
from node.sim.lab.checkers.status import StatusTrue
from node.sim.lab.checkers.trust import NothingFromRevoked, ScopesNeverLeak

CHECKERS: tuple[type[Checker], ...] = (
    NothingLost,
    NoEarlyReceipt,
    ScopesNeverLeak,
    NothingFromRevoked,
    SilenceKept,
    LetGoStaysAway,
    FindingsEverywhere,
    StatusTrue,
    BooksInOrder,
    NoFault,
    Converged,
    Liveness,
    Bounded,
)

__all__ = ["CHECKERS", "Checker", "Violation"]
