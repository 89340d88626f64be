"""Information about a hidden gradient in reports: bounds, measurements, attacks and timing."""
