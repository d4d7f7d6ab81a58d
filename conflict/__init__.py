"""The record: ids, lanes of signed statements, slots with their merge rules, the fold, findings.

Pure: no I/O, no clock, no randomness. Other rooms import from its modules by name.
"""
