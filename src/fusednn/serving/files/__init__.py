"""The file format of models."""
