"""Problems, programs with mistakes, peers and services that the benchmarks share."""
