"""What a user sees: results, progress, errors."""
