"""`iiotctl`: a fleet from the command line, through Home Assistant or straight at the broker."""
