"""A simulator of device code: Python generators for threads, `yield` for barriers.

It needs no package for CUDA and no GPU. What a GPU would answer with wrong numbers raises here:
an index out of range, a barrier that not all threads reach, a value that another thread writes
between the same two barriers, and memory that holds nothing reads as NaN.
"""
