"""What people are told: which change makes which message, and what it says."""
