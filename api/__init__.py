"""The HTTP service: documents in, reports out."""
