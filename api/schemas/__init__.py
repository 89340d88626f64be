"""Models of the JSON documents. Their docstrings are descriptions in the OpenAPI document."""
