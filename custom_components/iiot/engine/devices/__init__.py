"""Who is who: the devices of one hub, their keys, clocks, manifests and signs of life."""
