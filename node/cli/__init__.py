"""The `aidstation` command. Start at `main`; each module beside it holds one group of commands.

Heavy libraries are imported inside the commands, so that `--help` and mistakes answer at once.
"""
