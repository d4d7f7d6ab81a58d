"""FHIR R4 import: files to statements, nothing dropped. Start at `import_paths`."""

from node.fhir.importing import Batch, Imported, Progress, batch, import_paths
from node.fhir.report import ImportReport, Refusal, Tally

__all__ = [
    "Batch",
    "ImportReport",
    "Imported",
    "Progress",
    "Refusal",
    "Tally",
    "batch",
    "import_paths",
]
