"""The web site: HTML pages rendered on the server. They work without scripts.

A page shows nothing that the JSON API would not show to the same caller: both call the same services.
"""
