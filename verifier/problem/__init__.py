"""Problems and submissions: graphs, layouts, precisions, and errors in a document."""
