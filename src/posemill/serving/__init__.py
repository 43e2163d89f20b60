"""The BentoML services, what they answer, and a client."""
