"""Nets: their parts, the one table that builds them, and the model file."""
