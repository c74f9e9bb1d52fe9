"""What ``paddlewheel doctor`` looks at: a table of small checks, and who runs them."""
