"""Published results as tables and views."""
