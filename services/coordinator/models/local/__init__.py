"""`maitred-local`: a deterministic, grounded dialogue model for tenants without an LLM.

It decides what the guest is doing from the words and from what was asked last, calls the same
tools an LLM would, and says only what the tools returned. It is not a language model: it takes
orders and answers questions about the menu, and says so when asked for anything else.
"""
