"""The commands, one function each; what they share stands a folder above."""
