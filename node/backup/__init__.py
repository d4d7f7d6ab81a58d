"""A node's backup: made while it runs or not, sealed as one file, put back as a whole or not at all."""
