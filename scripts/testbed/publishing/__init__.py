"""What has to hold before the tree can be published: what hassfest and HACS demand, and promises of our own.

hassfest is in no package of Home Assistant, and both look at a published repository only. They run for real in
`.github/workflows/validate.yml`; here is what they look at, so that `scripts/check` finds it before a push does.
"""
