"""Hosted models: any provider with an OpenAI-compatible chat-completions API."""
