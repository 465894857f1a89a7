"""The state machine: its definition, what surrounds it, and what ends jobs without an execution."""
