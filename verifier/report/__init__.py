"""Reports: their data, JSON documents, plain text, points and exit statuses."""
