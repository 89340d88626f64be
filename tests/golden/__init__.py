"""Golden reports: what the product said of many submissions, to hold a restructured product against."""
