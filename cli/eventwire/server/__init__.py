"""The server: events over HTTP, pages, buttons, and sources that raise events from outside."""
