"""The JSON API, a module per resource. A route parses the request and calls a service."""
