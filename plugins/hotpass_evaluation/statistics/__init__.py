"""Metrics with their uncertainty, from arrays. No files, no models."""
