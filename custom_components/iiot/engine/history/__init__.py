"""History: rows in columns, small enough to be kept for years, and what is asked of them."""
