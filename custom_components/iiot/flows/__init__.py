"""What people are asked in forms: one file a subject. `config_flow.py` is where Home Assistant finds them."""
