"""One operation that somebody wrote, `forward` and `backward`, checked on inputs of many shapes."""
