"""Bugs to plant, one at a time: a referee that cannot fail is worth nothing.

Each mutant names the scenario in which it is looked for and the checkers of which one must find it.
"""

from tests.sim.mutants import durability, equality, letting_go, shown, trust
from tests.sim.mutants.mutant import MUTANTS, Mutant

__all__ = ["MUTANTS", "Mutant", "durability", "equality", "letting_go", "shown", "trust"]
