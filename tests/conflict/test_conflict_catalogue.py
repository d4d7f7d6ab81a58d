"""The number that says which catalogue a node folds with: the same in every process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conflict import records
from conflict.catalogue import fingerprint
from conflict.slot import CATALOGUE

assert records, "importing them fills the catalogue"
TELL = (
    "import conflict.records; from conflict.catalogue import fingerprint; "
    "from conflict.slot import CATALOGUE; print(fingerprint(CATALOGUE))"
)


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_equal_catalogues_have_one_fingerprint_in_every_process(hash_seed: str) -> None:
    """Else each start folds everything anew, and equal nodes take each other for other versions."""
    environment = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(filter(None, sys.path))}
    told = subprocess.run(
        [sys.executable, "-c", TELL], env=environment, capture_output=True, check=True, text=True
    )
    assert int(told.stdout) == fingerprint(CATALOGUE)
