"""The pure heart: states and their events, replies and their verdicts, retry, and what a channel promises."""
