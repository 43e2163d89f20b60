"""User acceptance testing (UAT): scenarios, feedback, signed verdicts, releases, provenance and usage of media."""
