"""Tables, their splits, peers, scores and ranks: what `benchmarks.tabular` measures with."""
