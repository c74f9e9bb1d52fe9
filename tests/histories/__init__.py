"""Whole histories of a shop, made up at random, and what must come of them."""
