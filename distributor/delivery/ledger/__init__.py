"""The ledger: the queue and the truth. Every table and every SQL statement of the project is in this room.

Read in the order of a delivery's life: staging (who, each once) → opening (freeze) → claims (claim, mark, record,
sweep) → acts (pause, cancel, resend) → queries (what became of each).
"""
