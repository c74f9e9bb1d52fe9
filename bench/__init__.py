"""Benchmarks, and the peers they are measured against."""
