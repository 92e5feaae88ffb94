"""What policies would have decided: every decision on record, and every version, judged again in batches."""
