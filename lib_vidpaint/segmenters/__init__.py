"""Where masks come from: one file per source of masks."""
