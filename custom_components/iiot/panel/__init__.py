"""The first screen of a site: a dashboard that is generated from what there is."""

from .dashboard import async_forget, async_show

__all__ = ["async_forget", "async_show"]
