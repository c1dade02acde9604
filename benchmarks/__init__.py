"""What a message costs, ours and others', measured side by side on this machine: `python -m benchmarks`."""
