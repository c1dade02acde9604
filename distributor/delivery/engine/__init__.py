"""Claim → hand over → record: one asyncio loop that moves every due delivery through its channel."""
