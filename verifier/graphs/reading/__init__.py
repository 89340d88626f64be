"""A graph's document to a GraphSubmission, every mistake at once."""
