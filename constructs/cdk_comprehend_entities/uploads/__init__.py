"""Upload triggers, and the dispatcher that makes batches of what waits in their queues."""
