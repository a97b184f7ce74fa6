"""Parts of the program `benchmarks/effects.py`."""
