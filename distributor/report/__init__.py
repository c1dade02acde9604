"""WHAT PEOPLE READ: records of the ledger in, accounts and their renderings out. Pure."""
