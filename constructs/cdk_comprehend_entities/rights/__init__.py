"""Rights: who may call what on what, each statement with its source, and what checkers of templates are told."""
