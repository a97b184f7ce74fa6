"""Contrastive training: `contrastive` the Lightning module, `data` the data module, `command` the command line."""
