"""Says why somebody has or lacks access now, and how it came to be so."""
