"""Compares our rows with the provider's and with each other, and heals."""
