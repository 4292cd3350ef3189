"""Tables: converts files of rows, frames and arrays to a network's inputs and targets."""
