"""What a network holds: its layers' activity, how many directions they use, what they know, what counts."""
