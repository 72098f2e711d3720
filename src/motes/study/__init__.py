"""Studies: many runs that differ in a planned way, and what can be concluded from them."""
