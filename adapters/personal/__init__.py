"""Personal data: which values of a payload are, tokens in their place, and the values under their keys."""
