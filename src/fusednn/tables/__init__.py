"""Tables: from files and arrays to a network's inputs and targets."""
