"""What people ask of devices: commands, their journal, and what stands in their way."""
