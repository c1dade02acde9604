"""BY WHICH RELAY, AND HOW FAST: relays.yaml read into relays, destinations and their limits."""
