"""The code that runs in AWS Lambda: one thin handler a module, over plain functions."""

EVENT_SOURCE = "cdk-comprehend-entities"
EVENT_DETAIL_TYPE = "Entities Detection Job Ended"

FAILED = ("ABORTED", "FAILED", "REFUSED", "TIMED_OUT")
"""Statuses of outcomes whose execution did not succeed."""
