"""What takes off a price: five kinds of promotions, checked, kept, and applied to carts.

Stacking is simple: a line has one promotion, the one that takes off most; a bundle takes its lines
where it takes off more than they would get one by one; then one promotion of the whole order, the
one that takes off most of what is left.
"""
