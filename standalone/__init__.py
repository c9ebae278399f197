"""One machine: real servers as child processes, the cluster supervised, the demo."""
