"""Ops that go through the steps of series: RNN, LSTM and GRU, and what joins their states."""
