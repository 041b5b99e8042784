"""Projects of other tools, read and translated into one of eventwire's."""
