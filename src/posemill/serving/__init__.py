"""The BentoML services in front of a client."""
