"""User acceptance: scenarios run against a service, signed verdicts, and the way from an answer to its data."""
