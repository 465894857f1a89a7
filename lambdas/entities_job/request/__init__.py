"""From an execution's input to a complete request within the rules and limits of the service."""
