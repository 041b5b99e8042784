"""The services eventwire can act on: one file a service, declared once."""
