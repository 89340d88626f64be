"""Cases of `benchmarks.diagnosis`, their diagnoses, and the judgement of these."""
