"""The threads of training: how many, awake or parked, and what each call runs."""
