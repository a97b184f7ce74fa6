"""Mixing without a reference."""
