"""The documentation as a site. `python -m guide` builds it into api/pages/guide, which the service serves."""
