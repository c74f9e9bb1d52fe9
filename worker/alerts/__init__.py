"""What a person must know: conditions, their lives, and the ways out to people."""
