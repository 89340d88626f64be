"""What wrong programs compute in place of each equation; the table in `bugs/` says which bug is which."""
