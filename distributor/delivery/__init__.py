"""HOW IT TRAVELS: the states of a delivery, the ledger that holds them, the engine and channels that move them."""
