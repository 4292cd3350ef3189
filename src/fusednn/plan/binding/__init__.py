"""From the calls of a graph to the records that the engine interprets."""
