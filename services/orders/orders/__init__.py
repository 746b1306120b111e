"""Orders: placed once of a quote, then moved through their states, each change an event."""
