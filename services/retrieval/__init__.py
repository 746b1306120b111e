"""What is true: documents taken in, cut up, and found again with citations.

Owns schema `retrieval`: documents, their pieces, and the generations of each tenant's index. It
answers with what was written, never with a sentence of its own, and nothing in a document is ever
obeyed.
"""
