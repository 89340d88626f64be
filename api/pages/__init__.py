"""The service as a web site: pages made on the server, which work without scripts, and better with them.

A page shows what the JSON API would tell the same caller, by the same functions, and nothing more.
"""
