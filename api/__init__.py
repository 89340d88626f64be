"""The HTTP service: a JSON API and web pages."""
