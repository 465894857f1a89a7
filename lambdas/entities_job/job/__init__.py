"""A job: what identifies it, when to poll it, and which are active."""
