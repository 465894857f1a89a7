"""Watching a workflow: dashboard, alarms and saved queries of its logs."""
