"""What a student can find out of a hidden gradient: by count, by measurement, by attack and by the clock."""
