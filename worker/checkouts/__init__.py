"""Checkouts that we open for a shop."""
