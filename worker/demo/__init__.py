"""A day of a course shop, played through the local Paddle, and what came of it."""
