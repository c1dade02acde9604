"""HOW IT LOOKS: a bulletin and a group become a letter once; each recipient's message is spliced from it. Pure.

Read in order: model (a letter) → letter (templates to a letter) → message (a letter to RFC 5322 bytes).
"""
