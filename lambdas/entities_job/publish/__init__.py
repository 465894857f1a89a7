"""From the archive that a job leaves to published records and the outcome."""
