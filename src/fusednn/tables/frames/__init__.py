"""Tables in memory, such as frames and arrays, as columns and targets."""
