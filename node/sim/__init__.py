"""The simulator: seeded casualties and the care, contradictions and benchmark charts made of them."""

from node.desk import Save
from node.sim.bench_charts import bench_charts
from node.sim.casualties import Casualty, casualties, casualty
from node.sim.contradictions import Contradiction, contradictions
from node.sim.ongoing import stream

__all__ = [
    "Casualty",
    "Contradiction",
    "Save",
    "bench_charts",
    "casualties",
    "casualty",
    "contradictions",
    "stream",
]
