"""From uploads that wait in queues to batches that are staged and started."""
