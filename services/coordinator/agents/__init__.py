"""Agents: who serves the guest, as data. Behaviour is structured; prompts are rendered from it."""
