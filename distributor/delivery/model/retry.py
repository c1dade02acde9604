"""When a deferred delivery is tried again."""

SECOND = 1_000_000
_DOUBLINGS = 30


def next_attempt(  # noqa: PLR0913  all that it depends on
    tries: int,
    now: int,
    since: int,
    *,
    first: int,
    most: int,
    expire_after: int,
    jitter: float,
    after: int | None,
) -> int | None:
    """When to try again after attempt number *tries* (1 for the first), or None: by then it would be too old.

    *now*, *since* (when the waiting began) and the result are µs on one clock; the settings and *after*, the wait that
    a server asked for at least, are seconds. The wait doubles from *first* to *most*; *jitter* in [0, 1) chooses its
    place between one step and the next, so that what failed together does not come back together.
    """
    shortest = min(first, most)
    step = min(shortest * 2 ** min(max(tries, 1) - 1, _DOUBLINGS), most / 2)
    low = max(shortest, step)
    high = min(2 * low, most)
    wait = max(low + (high - low) * jitter, after or 0)
    due = now + round(wait * SECOND)
    return due if due <= since + expire_after * SECOND else None
