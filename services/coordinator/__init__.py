"""Conversations: a guest's message becomes a turn, a turn runs a workflow, and ends in an answer.

It owns sessions and turns, the workflow of a turn, agents, tools and models. It never sets a
price, never decides what a word means on a menu, and never places an order nobody said yes to.
"""
