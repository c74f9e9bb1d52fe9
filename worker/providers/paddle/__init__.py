"""Paddle Billing, API version 1."""
