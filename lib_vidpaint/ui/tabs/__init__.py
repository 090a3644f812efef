"""The five steps of the page, one file each: what stands on it, and what its buttons do."""
