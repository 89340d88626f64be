"""Read a document whose network is a graph as a GraphSubmission; all errors are collected."""
