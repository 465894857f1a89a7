"""Everything at once on the local AWS while all of it fails by chance; what must hold is checked from outside."""
