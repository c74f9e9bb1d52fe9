"""The verbs of the flow, one file each; found by name, never imported by another."""
