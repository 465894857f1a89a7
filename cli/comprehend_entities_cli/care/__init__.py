"""Care for a deployment: what is wrong with it, uploads that need help, and what a deleted one has left."""
