"""What `benchmarks.diagnosis` measures: cases, what was said of them, and whether that is right."""
