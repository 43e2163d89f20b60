"""Requests and answers: pydantic models that services and client share."""
