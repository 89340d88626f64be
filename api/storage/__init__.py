"""What the service keeps: one protocol (`repository.py`), implemented in SQL for SQLite and Postgres."""
