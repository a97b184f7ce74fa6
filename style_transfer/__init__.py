"""Mixing in the style of a reference song."""
