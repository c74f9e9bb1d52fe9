"""The servers that Paddlewheel brings along for a bare machine."""
