"""Tables, their states and the rules between states. No I/O."""
