"""The families of merge rules: events, single, ranked, keyed. (`derived` is computed when read: see
`conflict.rules`.) Every rule is a function of a set of statements: order, grouping and duplication
do not matter, a hazard leaves only by a statement that names it, and every contradiction becomes a
finding. Clinical basis: CLINICAL.md §3. Causal means: reachable through `supersedes`.
"""

from conflict.policies.comparing import by_record_time, field_of
from conflict.policies.events import Events
from conflict.policies.keyed import Keyed
from conflict.policies.ranked import Ranked
from conflict.policies.single import Single

__all__ = ["Events", "Keyed", "Ranked", "Single", "by_record_time", "field_of"]
