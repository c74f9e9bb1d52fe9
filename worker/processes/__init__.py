"""Running the lines of a Procfile, and ending them without losing work."""
