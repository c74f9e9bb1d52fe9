"""Named SQL checks of our own rows: what must never be so, and how it is put right."""
