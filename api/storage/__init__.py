"""The storage of the service: a protocol (`repository.py`) and its implementation for SQLite and Postgres."""
