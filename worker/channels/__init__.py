"""The ways out: mail and the hook of the course platform."""
