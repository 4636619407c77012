"""How fast the package is, how much memory it takes and how well it learns, measured in one run."""
