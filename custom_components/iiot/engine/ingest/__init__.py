"""From raw readings to values that can be shown: scale, range, quality."""
