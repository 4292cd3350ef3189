"""The ops of plans for GPUs: each reads the record that its twin on the CPU reads."""
