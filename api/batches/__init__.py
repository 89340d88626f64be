"""Judge batches in the background. If a process is killed, no submission is lost or judged twice."""
