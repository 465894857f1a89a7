"""Permissions: every statement with its source, and the reasons that checkers of templates get."""
