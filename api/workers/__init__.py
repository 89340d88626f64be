"""Worker processes that judge submissions, so that limits of time and memory can be enforced."""
