"""gRPC on both sides: one server builder, one channel factory, one family of errors, mesh tokens.

It decides how a call is named, authorised, bounded, validated and refused; never what it does.
"""
