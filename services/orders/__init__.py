"""What is sold, what words mean on a menu, and orders placed exactly once.

Owns schema `orders`: catalogs, quotes, orders and their states. It never knows who is talking or
why: a principal and a cart are all it is given.
"""
