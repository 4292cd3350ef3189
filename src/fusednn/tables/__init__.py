"""Tables: converts files of rows to a network's inputs and targets."""
