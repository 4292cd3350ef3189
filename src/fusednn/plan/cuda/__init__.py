"""Plans for a GPU: the same records, with addresses on the device, and launches for tasks."""
