"""The instruments of the synthesiser, one to a file."""
