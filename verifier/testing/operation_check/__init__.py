"""Check the methods `forward` and `backward` of one operation on inputs of many shapes."""
