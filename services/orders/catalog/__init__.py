"""What a tenant sells: imported whole, checked, searched."""
