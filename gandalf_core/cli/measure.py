"""Commands that measure: audit, compare, test."""
