"""Connects a provider's account with this deployment, step by step."""
