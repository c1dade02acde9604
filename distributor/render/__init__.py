"""HOW IT LOOKS: a bulletin and a group become a letter once; each recipient's message is spliced from it. Pure."""
