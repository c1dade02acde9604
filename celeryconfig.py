"""How Celery carries the bell. Deliveries live in the ledger, so nothing here can lose or double one: only timing.

The broker's address is DISTRIBUTOR_BROKER, in the environment or the site's .env.
"""

# A message is a task's name and at most an id: JSON says that, and a stranger's pickle is never run.
accept_content = ["json"]
task_serializer = "json"

# What became of a delivery is in the ledger; nobody asks Celery.
task_ignore_result = True
result_backend = None

# A bell is acknowledged when it is heard. If its worker dies, the sweep rings again within half a minute; a late
# acknowledgement would ring by itself too, up to an hour later, for work that was long done.
task_acks_late = False

# A queue of our own: other programs may use the same broker.
task_default_queue = "distributor"

# One task at a time: each owns its connections to the relay. More speed is more worker processes, on any machine.
# Threads, since a signal to the process group kills the children of a prefork pool in the middle of a letter.
worker_pool = "threads"
worker_concurrency = 1
worker_prefetch_multiplier = 1

# Whoever can write to the broker may ring, and do no more: not stop workers, nor read what they hold.
worker_enable_remote_control = False

# A worker that starts before its broker waits for it.
broker_connection_retry_on_startup = True

# A person who waits at `send` hears in seconds that the broker is away; a dead connection is noticed in half a minute.
broker_transport_options = {
    "socket_connect_timeout": 5,
    "socket_timeout": 10,
    "socket_keepalive": True,
    "health_check_interval": 30,
}
task_publish_retry_policy = {"max_retries": 2, "interval_start": 0.5, "interval_step": 0.5}

# Schedules are counted in UTC, as the ledger's times are.
timezone = "UTC"
enable_utc = True

# `distributor worker` follows this schedule by itself; with plain Celery, run one `beat`. A bell that nobody heard
# before the next one is dropped, so that workers which were away do not come back to a pile of them.
beat_schedule = {
    # Takes back what a worker that died had claimed, and rings for whatever has made no progress.
    "sweep": {"task": "distributor.sweep", "schedule": 30.0, "options": {"expires": 30}},
    # Delivers what has come due: deferred letters, and those of a bell that was lost.
    "deliver": {"task": "distributor.deliver", "schedule": 30.0, "options": {"expires": 30}},
}
