"""The verbs as functions; the command line only calls them."""
