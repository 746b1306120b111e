"""What a command says instead of doing its work."""


class Refusal(Exception):
    """The command cannot be carried out; the message says why and what to do, in one sentence."""
